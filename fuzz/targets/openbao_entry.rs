//! Any bytes as an entry in OpenBao: what is read of it is written, and read as the same.
#![no_main]

use keyward_vault::fuzzing::openbao_entry;

libfuzzer_sys::fuzz_target!(|json: &[u8]| {
    if let Some(written) = openbao_entry(json) {
        assert_eq!(openbao_entry(&written), Some(written));
    }
});
