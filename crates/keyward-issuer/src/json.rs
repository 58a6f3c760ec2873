//! JSON objects read into structs. The derived code would also take a list of the members in their order.

use serde::Deserialize;
use serde::de::Error;

/// Reads an object, with nothing after it.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, serde_json::Error> {
    match json.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(json),
        _ => Err(serde_json::Error::custom("not an object")),
    }
}
