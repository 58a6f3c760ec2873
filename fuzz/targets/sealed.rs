//! Any bytes as a sealed value, as tables and stores keep it.
#![no_main]

use keyward_vault::Sealed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(sealed) = Sealed::from_bytes(bytes) {
        assert_eq!(sealed.to_bytes(), bytes);
    }
});
