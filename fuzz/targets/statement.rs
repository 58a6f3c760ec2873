//! Any bytes as what a provider has signed about a person: never an ID token and a logout token at once.
#![no_main]

use keyward_resource::fuzzing::{id_token, logout_token};

libfuzzer_sys::fuzz_target!(|json: &[u8]| {
    let (id, logout) = (id_token(json), logout_token(json));
    assert!(id.is_none() || logout.is_none());
    if let Some(id) = id {
        assert!((1..=255).contains(&id.subject.len()) && !id.subject.contains('\0'));
    }
    if let Some(logout) = logout {
        assert!(logout.subject.is_some() || logout.session_id.is_some());
        assert!(!logout.token_id.is_empty());
    }
});
