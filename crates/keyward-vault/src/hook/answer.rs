//! What a rotation hook says: the new value as it is, or a JSON object with more.

use keyward_core::clock::Timestamp;
use keyward_core::secret::Secret;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A new value.
#[derive(Debug)]
pub struct NewValue {
    /// The value.
    pub value: Secret,
    /// When the service ends it, if the hook knows.
    pub expires_at: Option<Timestamp>,
}

/// An answer that gives no value. Nothing of it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAnswer {
    /// It begins like JSON and is none, or not of the form.
    #[error("the answer begins with {{ and is no JSON object with \"value\", a string, and perhaps \"expires_at\"")]
    Json,
    /// The time is none.
    #[error("\"expires_at\" in the answer is no RFC 3339 date and time, such as 2027-01-31T00:00:00Z")]
    ExpiresAt,
    /// There is no value.
    #[error("the answer has no value")]
    Empty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    #[serde(deserialize_with = "wiped")]
    value: Zeroizing<String>,
    #[serde(default)]
    expires_at: Option<String>,
}

fn wiped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

impl NewValue {
    /// Reads an answer. One that begins with `{` is JSON; of any other, one newline at the end does not count.
    pub fn parse(answer: &[u8]) -> Result<Self, InvalidAnswer> {
        if answer.trim_ascii_start().first() == Some(&b'{') {
            let Answer { mut value, expires_at } = serde_json::from_slice(answer).map_err(|_| InvalidAnswer::Json)?;
            let expires_at = expires_at.map(|text| text.parse()).transpose().map_err(|_| InvalidAnswer::ExpiresAt)?;
            return Self::of(Secret::from_text(std::mem::take(&mut *value)), expires_at);
        }
        let line = answer.strip_suffix(b"\n").map_or(answer, |line| line.strip_suffix(b"\r").unwrap_or(line));
        Self::of(Secret::new(line.to_vec()), None)
    }

    fn of(value: Secret, expires_at: Option<Timestamp>) -> Result<Self, InvalidAnswer> {
        if value.is_empty() { Err(InvalidAnswer::Empty) } else { Ok(Self { value, expires_at }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_the_value() {
        for (answer, value) in [("v", "v"), ("v\n", "v"), ("v\r\n", "v"), ("a\n\n", "a\n"), (" v ", " v ")] {
            let read = NewValue::parse(answer.as_bytes()).expect(answer);
            assert_eq!((read.value.expose_text(), read.expires_at), (Some(value), None));
        }
        assert_eq!(NewValue::parse(b"\xff\0\n").expect("bytes").value.expose_secret(), b"\xff\0");
        assert!(matches!(NewValue::parse(b"\n"), Err(InvalidAnswer::Empty)));
    }

    #[test]
    fn json_may_say_when_it_ends() {
        let read = NewValue::parse(br#" {"value": "a\nb", "expires_at": "2027-01-31T00:00:00Z"}"#).expect("read");
        assert_eq!(read.value.expose_text(), Some("a\nb"));
        assert_eq!(read.expires_at, "2027-01-31T00:00:00Z".parse().ok());
        for (bad, why) in [
            ("{", InvalidAnswer::Json),
            ("{}", InvalidAnswer::Json),
            (r#"{"value": 1}"#, InvalidAnswer::Json),
            (r#"{"value": "a", "vlue": "b"}"#, InvalidAnswer::Json),
            (r#"{"value": "a"} b"#, InvalidAnswer::Json),
            (r#"{"value": ""}"#, InvalidAnswer::Empty),
            (r#"{"value": "a", "expires_at": "soon"}"#, InvalidAnswer::ExpiresAt),
        ] {
            assert_eq!(NewValue::parse(bad.as_bytes()).expect_err(bad), why, "{bad}");
        }
    }
}
