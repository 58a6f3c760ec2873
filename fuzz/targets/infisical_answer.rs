//! Any bytes as the body of an answer of Infisical.
#![no_main]

use keyward_vault::infisical::answer::{AccessToken, Changed, ErrorAnswer, Listed, One, parse};

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    if let Ok(One { secret }) = parse::<One>(body) {
        // A value that is long enough to be seen is never printed.
        let value = secret.secret_value.expose_text().expect("JSON has text only").to_owned();
        let shown = format!("{:?}", secret.secret_value);
        assert!(value.len() < 8 || !shown.contains(&value));
    }
    if let Ok(Listed { secrets }) = parse::<Listed>(body) {
        assert!(secrets.len() <= body.len());
    }
    let _ = parse::<Changed>(body);
    let _ = parse::<AccessToken>(body);
    let told = ErrorAnswer::parse(body).told();
    assert!(!told.is_empty() && !told.chars().any(char::is_control));
});
