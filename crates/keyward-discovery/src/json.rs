//! JSON objects read into structs. The derived code would also take a list of the members in their order.

use serde::Deserialize;

use crate::error::InvalidMetadata;

/// Reads an object, with nothing after it.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, InvalidMetadata> {
    match json.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(json).map_err(|_| InvalidMetadata::Form),
        Some(b'<') => Err(InvalidMetadata::Page),
        _ => Err(InvalidMetadata::Form),
    }
}
