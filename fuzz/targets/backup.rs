//! Any bytes as a backup.
#![no_main]

use keyward_storage::backup;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(summary) = backup::verify(bytes) else { return };
    // Only what ends with the digest of itself is whole.
    let last = bytes[..bytes.len() - 1].rsplit(|byte| *byte == b'\n').next().expect("a last line");
    assert_eq!(last, format!("{{\"sha256\":\"{}\"}}", summary.sha256).as_bytes());
});
