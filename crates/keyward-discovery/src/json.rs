//! Metadata read into structs.

use serde::Deserialize;

use crate::error::InvalidMetadata;

/// Reads an object, with nothing after it; a page in its place is told apart, since that is what many hosts answer.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, InvalidMetadata> {
    match json.trim_ascii_start().first() {
        Some(b'<') => Err(InvalidMetadata::Page),
        _ => keyward_core::json::object(json).map_err(|_| InvalidMetadata::Form),
    }
}
