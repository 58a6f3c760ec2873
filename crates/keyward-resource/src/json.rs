//! JSON objects read into structs. The derived code would also take a list of the members in their order, and what
//! different readers read differently is no ground to decide on.

use serde::Deserialize;
use serde::de::Error;

/// Reads an object, with nothing after it.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, serde_json::Error> {
    if json.trim_ascii_start().first() == Some(&b'{') {
        serde_json::from_slice(json)
    } else {
        Err(serde_json::Error::custom("not an object"))
    }
}
