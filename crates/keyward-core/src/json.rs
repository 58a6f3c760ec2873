//! JSON of others, read into structs. The derived code would take a list of the members in their order for an object, and would
//! not see what is not UTF-8 (RFC 8259 §8.1) in members that it skips: what different readers read differently is no ground
//! to decide on.

use serde::Deserialize;
use serde::de::Error;

/// Reads an object, with nothing after it.
pub fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, serde_json::Error> {
    match json.trim_ascii_start().first() {
        Some(b'{') => text(json),
        _ => Err(serde_json::Error::custom("not an object")),
    }
}

/// Reads what has the form of `T`, with nothing after it.
pub fn text<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, serde_json::Error> {
    serde_json::from_str(std::str::from_utf8(json).map_err(serde_json::Error::custom)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Wanted {
        a: u8,
    }

    #[test]
    fn bytes_that_are_no_text_are_seen_in_members_that_nobody_wants() {
        let read = |json: &[u8]| object::<Wanted>(json).map(|wanted| wanted.a).ok();
        assert_eq!(read("{\"a\":1,\"b\":\"ÿ\"}".as_bytes()), Some(1));
        assert_eq!(read(b"{\"a\":1,\"b\":\"\xff\"}"), None);
        assert_eq!(read(b"[1]"), None);
    }
}
