//! What one version of a secret holds. All that belongs to a version is in it, so that one write changes all or nothing.
//!
//! ```json
//! { "value": "…", "expires_at": "2027-01-01T00:00:00.000000Z", "labels": { "team": "data" },
//!   "earlier": { "2": "2026-11-24T12:00:00.000000Z" } }
//! ```
//!
//! A value that is text stands in `value`, as an operator would write it; other bytes stand in `value_base64` (RFC 4648
//! §4); a value that Keyward has sealed in `sealed`, in the same coding. `earlier` says which earlier versions are usable
//! and until when.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyward_core::clock::Timestamp;
use keyward_core::secret::Secret;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value as Json;
use zeroize::Zeroizing;

/// The value of one version.
#[derive(Debug)]
pub(super) enum Value {
    Plain(Secret),
    /// As [`Sealed::to_bytes`](crate::seal::Sealed::to_bytes) writes it.
    Sealed(Vec<u8>),
}

/// What is known beside the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) expires_at: Option<Timestamp>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) earlier: BTreeMap<i64, Timestamp>,
}

/// The JSON object that is written.
#[derive(Serialize)]
pub(super) struct Written<'a> {
    #[serde(flatten)]
    value: WrittenValue<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    earlier: &'a BTreeMap<i64, Timestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum WrittenValue<'a> {
    Value(&'a str),
    ValueBase64(Coded),
    Sealed(String),
}

/// A value in base64, wiped when it was sent.
struct Coded(Zeroizing<String>);

impl Serialize for Coded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The JSON object that is read. Others may have written it, so that anything may stand anywhere.
#[derive(Deserialize)]
pub(super) struct Read {
    value: Option<Json>,
    value_base64: Option<Json>,
    sealed: Option<Json>,
    #[serde(default)]
    expires_at: Json,
    #[serde(default)]
    labels: Json,
    #[serde(default)]
    earlier: Json,
}

impl<'a> Written<'a> {
    pub(super) fn new(value: &'a Value, facts: &'a Facts) -> Self {
        let value = match value {
            Value::Sealed(sealed) => WrittenValue::Sealed(STANDARD.encode(sealed)),
            Value::Plain(plain) => match plain.expose_text().filter(|text| is_readable(text)) {
                Some(text) => WrittenValue::Value(text),
                None => WrittenValue::ValueBase64(Coded(Zeroizing::new(STANDARD.encode(plain.expose_secret())))),
            },
        };
        Self { value, expires_at: facts.expires_at, labels: &facts.labels, earlier: &facts.earlier }
    }
}

/// Whether it is the same to whoever sees it in a terminal or a page.
fn is_readable(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

impl Read {
    /// The value and what is known of it; an error says what is wrong with the value. Facts that somebody has made
    /// unreadable count as absent.
    pub(super) fn parts(self) -> (Result<Value, &'static str>, Facts) {
        let facts = Facts {
            expires_at: serde_json::from_value(self.expires_at).unwrap_or_default(),
            labels: serde_json::from_value(self.labels).unwrap_or_default(),
            earlier: serde_json::from_value(self.earlier).unwrap_or_default(),
        };
        let value = match (self.value, self.value_base64, self.sealed) {
            (Some(Json::String(text)), None, None) if text.is_empty() => Err("its `value` is empty"),
            (Some(Json::String(text)), None, None) => Ok(Value::Plain(Secret::from_text(text))),
            (None, Some(Json::String(coded)), None) => match STANDARD.decode(&*Zeroizing::new(coded)) {
                Ok(bytes) if !bytes.is_empty() => Ok(Value::Plain(Secret::new(bytes))),
                _ => Err("its `value_base64` is no base64 (RFC 4648)"),
            },
            (None, None, Some(Json::String(coded))) => {
                STANDARD.decode(coded).map(Value::Sealed).map_err(|_| "its `sealed` is no base64 (RFC 4648)")
            }
            (None, None, None) => Err("it has no `value`"),
            _ => Err("it has no one `value` that is a text"),
        };
        (value, facts)
    }
}

/// What is read of an entry, written again; for the fuzzer.
pub fn rewritten(json: &[u8]) -> Option<Vec<u8>> {
    let (value, facts) = serde_json::from_slice::<Read>(json).ok()?.parts();
    serde_json::to_vec(&Written::new(&value.ok()?, &facts)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(json: Json) -> (Result<Value, &'static str>, Facts) {
        serde_json::from_value::<Read>(json).expect("an object").parts()
    }

    fn plain(bytes: &[u8]) -> Value {
        Value::Plain(Secret::new(bytes.to_vec()))
    }

    #[test]
    fn text_stays_readable_and_other_bytes_survive() {
        let written = |value: &Value| serde_json::to_value(Written::new(value, &Facts::default())).expect("JSON");
        assert_eq!(written(&plain("tökén \"1\"\n".as_bytes())), json!({ "value": "tökén \"1\"\n" }));
        assert_eq!(written(&plain(b"a\0b")), json!({ "value_base64": "YQBi" }));
        assert_eq!(written(&plain(b"\xff")), json!({ "value_base64": "/w==" }));
        assert_eq!(written(&Value::Sealed(vec![1, 2])), json!({ "sealed": "AQI=" }));
    }

    #[test]
    fn what_an_operator_writes_by_hand_is_taken() {
        let (value, facts) = read(json!({ "value": "by hand", "note": "of their own", "labels": "x", "earlier": 7 }));
        assert!(matches!(value, Ok(Value::Plain(value)) if value.expose_secret() == b"by hand"));
        assert_eq!(facts, Facts::default());
    }

    #[test]
    fn what_is_no_value_is_told() {
        for (bad, why) in [
            (json!({}), "it has no `value`"),
            (json!({ "value": "" }), "its `value` is empty"),
            (json!({ "value": 7 }), "it has no one `value` that is a text"),
            (json!({ "value": "a", "sealed": "AQI=" }), "it has no one `value` that is a text"),
            (json!({ "value_base64": "a b" }), "its `value_base64` is no base64 (RFC 4648)"),
            (json!({ "sealed": "%" }), "its `sealed` is no base64 (RFC 4648)"),
        ] {
            assert_eq!(read(bad.clone()).0.expect_err("bad"), why, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn everything_comes_back(
            bytes in prop::collection::vec(any::<u8>(), 1..64),
            labels in prop::collection::btree_map(".{0,9}", ".{0,9}", 0..4),
            earlier in prop::collection::btree_map(1_i64..1000, 0_i64..2_000_000_000, 0..4),
        ) {
            let earlier = earlier.into_iter().map(|(version, until)| (version, Timestamp::from_seconds(until))).collect();
            let facts = Facts { expires_at: Some(Timestamp::from_seconds(1)), labels, earlier };
            let value = plain(&bytes);
            let (value, again) = read(serde_json::to_value(Written::new(&value, &facts)).expect("JSON"));
            prop_assert!(matches!(value, Ok(Value::Plain(value)) if value.expose_secret() == bytes));
            prop_assert_eq!(again, facts);
        }
    }
}
