//! Any header values and query; the first line is the query, each other line one `Authorization` header.
#![no_main]

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use keyward_resource::bearer_from;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|&byte| byte == b'\n');
    let query = lines.next().and_then(|line| std::str::from_utf8(line).ok());
    let mut headers = HeaderMap::new();
    for value in lines.take(8).filter_map(|line| HeaderValue::from_bytes(line).ok()) {
        headers.append(AUTHORIZATION, value);
    }
    if let Ok(Some(token)) = bearer_from(&headers, query) {
        assert_eq!(headers.len(), 1);
        assert!(!token.expose_secret().is_empty() && token.expose_secret().is_ascii());
    }
});
