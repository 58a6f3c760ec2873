//! Any bytes as a key set.
#![no_main]

use keyward_resource::KeySet;

libfuzzer_sys::fuzz_target!(|document: &[u8]| {
    let _ = KeySet::from_jwks(document);
});
