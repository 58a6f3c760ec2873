//! Any bytes as the content of a key file.
#![no_main]

use keyward_core::secret::Secret;
use keyward_vault::RootKey;

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    let Ok(key) = RootKey::parse(&Secret::new(content.to_vec()), "the fuzzer") else { return };
    let line = key.to_text();
    assert!(content.windows(line.len()).any(|part| part == line.expose_secret()));
    let again = RootKey::parse(&line, "the fuzzer").expect("what was written");
    assert_eq!(again.id(), key.id());
});
