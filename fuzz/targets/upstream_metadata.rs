//! Any bytes as the metadata of another's authorization server or resource, or as a `WWW-Authenticate` header.
#![no_main]

use keyward_discovery::{AuthorizationServerMetadata, ResourceMetadata, challenge};
use url::Url;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(read) = AuthorizationServerMetadata::parse(data, "https://as.example.com", false) {
        assert!(std::str::from_utf8(data).is_ok() && data.trim_ascii_start().starts_with(b"{"));
        let endpoints = [read.authorization_endpoint, read.token_endpoint, read.jwks_uri, read.introspection_endpoint];
        for url in endpoints.into_iter().chain([read.revocation_endpoint, read.registration_endpoint]).flatten() {
            assert!(url.scheme() == "https" && url.has_host() && url.fragment().is_none() && url.username().is_empty());
        }
    }
    let resource = Url::parse("https://mcp.example.com/mcp").expect("a URL");
    if let Ok(read) = ResourceMetadata::parse(data, &resource) {
        assert!(std::str::from_utf8(data).is_ok() && data.trim_ascii_start().starts_with(b"{"));
        assert_eq!(Url::parse(&read.resource).expect("a URL").host_str(), Some("mcp.example.com"));
    }
    if let Ok(header) = std::str::from_utf8(data) {
        challenge(header);
    }
});
