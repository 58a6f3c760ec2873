//! Any bytes as a request to register and as a client's metadata document.
#![no_main]

use keyward_issuer::fuzzing::client_metadata;
use serde_json::Value;

libfuzzer_sys::fuzz_target!(|json: &[u8]| {
    for is_document in [false, true] {
        let Some(kept) = client_metadata(json, is_document) else { continue };
        let sent: Value = serde_json::from_slice(json).expect("JSON, since it was taken");
        let uris: Vec<_> = kept.redirect_uris.iter().map(|uri| Value::from(uri.as_str())).collect();
        assert!((1..=32).contains(&uris.len()));
        assert_eq!(sent["redirect_uris"], Value::from(uris));
        assert!(kept.is_public || !is_document);
        assert_eq!(kept.grant_types[0], "authorization_code");
        assert!(kept.grant_types.len() <= 2);
        if let Some(name) = &kept.name {
            assert!(!name.is_empty() && name.chars().count() <= 120 && !name.contains(char::is_control));
        }
    }
});
