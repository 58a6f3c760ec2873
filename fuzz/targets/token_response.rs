//! Any bytes as the answer of another's token endpoint; the first byte chooses the status.
#![no_main]

use http::HeaderValue;
use keyward_vault::fuzzing::token_response;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&first, body)) = data.split_first() else { return };
    let status = [200, 201, 400, 401, 403, 429, 500, 503][usize::from(first % 8)];
    match token_response(status, body) {
        Ok(tokens) => {
            assert!(status < 300);
            assert!(std::str::from_utf8(body).is_ok() && body.trim_ascii_start().starts_with(b"{"));
            assert!(tokens.iter().all(|token| HeaderValue::from_bytes(token.expose_secret()).is_ok()));
        }
        Err(told) => assert!(!told.chars().any(char::is_control)),
    }
});
