//! What the fuzzer drives: the reader of what earlier processes left. No part of the room's interface.

/// A line of a spill file, read and written again, if it is a record.
pub fn audit_spill(line: &[u8]) -> Option<Vec<u8>> {
    crate::audit::spilled(line)
}
