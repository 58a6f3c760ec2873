//! Any bytes as a line of records that were spilled to a file: what is read of it is written, and read as the same.
#![no_main]

use keyward_storage::fuzzing::audit_spill;

libfuzzer_sys::fuzz_target!(|line: &[u8]| {
    if let Some(written) = audit_spill(line) {
        assert!(!written.contains(&b'\n'));
        assert_eq!(audit_spill(&written), Some(written));
    }
});
