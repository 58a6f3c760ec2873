//! Any bytes as the metadata of another's authorization server or resource, or as a `WWW-Authenticate` header.
#![no_main]

use keyward_vault::fuzzing::{challenge, resource_metadata, server_metadata};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for url in server_metadata(data).into_iter().flatten() {
        assert!(url.scheme() == "https" && url.has_host() && url.fragment().is_none() && url.username().is_empty());
    }
    if let Some(resource) = resource_metadata(data) {
        assert_eq!(url::Url::parse(&resource).expect("a URL").host_str(), Some("mcp.example.com"));
    }
    if let Ok(header) = std::str::from_utf8(data) {
        challenge(header);
    }
});
