//! JSON objects read into structs. The derived code would also take a list of the members in their order, and would not see
//! what is not UTF-8 (RFC 8259 §8.1) in members that it skips.

use serde::Deserialize;

use crate::error::InvalidMetadata;

/// Reads an object, with nothing after it.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, InvalidMetadata> {
    match json.trim_ascii_start().first() {
        Some(b'{') => {
            let text = std::str::from_utf8(json).map_err(|_| InvalidMetadata::Form)?;
            serde_json::from_str(text).map_err(|_| InvalidMetadata::Form)
        }
        Some(b'<') => Err(InvalidMetadata::Page),
        _ => Err(InvalidMetadata::Form),
    }
}
