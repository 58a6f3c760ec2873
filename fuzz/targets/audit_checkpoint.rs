//! Any text as a checkpoint of the audit log.
#![no_main]

use keyward_storage::audit::Checkpoint;

libfuzzer_sys::fuzz_target!(|line: &str| {
    if let Ok(checkpoint) = Checkpoint::parse(line) {
        assert_eq!(Checkpoint::parse(&checkpoint.to_string()).expect("what was written is read"), checkpoint);
        let _ = checkpoint.is_signed();
    }
});
