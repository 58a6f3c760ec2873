//! Any bytes as what a provider's interfaces say of a person: its userinfo endpoint, and GitHub's two, with a zero byte between.
#![no_main]

use keyward_issuer::fuzzing::{github, userinfo};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some(claims) = userinfo(data) {
        assert!(std::str::from_utf8(data).is_ok() && data.trim_ascii_start().starts_with(b"{"));
        assert!(!claims.domain_owner_verified, "it was said of another address");
    }
    let mut answers = data.splitn(2, |&byte| byte == 0);
    let (user, emails) = (answers.next().unwrap_or_default(), answers.next().unwrap_or(b"[]"));
    if let Some((subject, email, name)) = github(user, emails) {
        assert!(subject.bytes().all(|byte| byte.is_ascii_digit()));
        assert!(email.is_none_or(|email| email.contains('@') && !email.ends_with("@users.noreply.github.com")));
        assert!(name.is_none_or(|name| !name.is_empty() && !name.contains(char::is_control)));
    }
});
