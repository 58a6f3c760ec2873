//! Any bytes as an export of the audit log.
#![no_main]

use keyward_storage::audit::{AuditRecord, Trust, verify_export};

libfuzzer_sys::fuzz_target!(|export: &[u8]| {
    let _ = verify_export(export, &Trust::default(), |_| {});
    if let Ok(record) = AuditRecord::parse_json(export) {
        let mut line = Vec::new();
        record.write_json(&mut line).expect("a vector takes everything");
        let again = AuditRecord::parse_json(&line).expect("what was written is read");
        assert_eq!(format!("{again:?}"), format!("{record:?}"));
    }
});
