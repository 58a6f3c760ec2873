//! Any bytes as the tokens of a grant, as they lie under their seal.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(written) = keyward_vault::fuzzing::token_set(bytes) {
        assert_eq!(written, bytes);
    }
});
