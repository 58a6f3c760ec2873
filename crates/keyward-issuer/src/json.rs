//! JSON of others, read into structs. The derived code would take a list of the members in their order for an object, and would
//! not see what is not UTF-8 (RFC 8259 §8.1) in members that it skips.

use serde::Deserialize;
use serde::de::Error;

/// Reads an object, with nothing after it.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, serde_json::Error> {
    match json.trim_ascii_start().first() {
        Some(b'{') => text(json),
        _ => Err(serde_json::Error::custom("not an object")),
    }
}

/// Reads what has the form of `T`, with nothing after it.
pub(crate) fn text<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, serde_json::Error> {
    serde_json::from_str(std::str::from_utf8(json).map_err(serde_json::Error::custom)?)
}
