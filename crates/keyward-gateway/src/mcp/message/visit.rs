//! The walk through the JSON text: only the members that matter are kept, all else is checked to be JSON and skipped.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::{MAX_BATCH, Message, MessageError, MessageId};
use crate::mcp::method::{McpMethod, NameSource};

/// Longer ids are not sent back in errors.
const MAX_ID: usize = 256;

pub(super) enum Body<'a> {
    One(Raw<'a>),
    Batch(Vec<Raw<'a>>),
    TooLong,
}

/// A message before its members are judged together.
#[derive(Default)]
pub(super) struct Raw<'a> {
    id: Option<Value<'a>>,
    method: Option<Value<'a>>,
    params: Option<Value<'a>>,
    ambiguous: Option<&'static str>,
}

/// A value, as far as it may matter.
enum Value<'a> {
    Text(Cow<'a, str>),
    Number(Number),
    Object(Params<'a>),
    Other,
}

#[derive(Default)]
struct Params<'a> {
    name: Option<Cow<'a, str>>,
    uri: Option<Cow<'a, str>>,
    ambiguous: Option<&'static str>,
}

impl Raw<'_> {
    pub(super) fn check(self) -> Result<Message, MessageError> {
        if let Some(member) = self.ambiguous {
            return Err(MessageError::Ambiguous(member));
        }
        let id = match self.id {
            Some(Value::Number(number)) => Some(MessageId::Number(number)),
            Some(Value::Text(text)) if text.len() <= MAX_ID => Some(MessageId::Text(text.into())),
            _ => None,
        };
        let method = match self.method {
            None => return Ok(Message { id, method: None, name: None }),
            Some(Value::Text(text)) => McpMethod::new(&text),
            Some(_) => return Err(MessageError::Malformed),
        };
        let params = match self.params {
            Some(Value::Object(params)) => params,
            _ => Params::default(),
        };
        let name = match method.name_source() {
            None => None,
            Some(_) if params.ambiguous.is_some() => {
                return Err(params.ambiguous.map_or(MessageError::Malformed, MessageError::Ambiguous));
            }
            Some(NameSource::Name) => params.name,
            Some(NameSource::Uri) => params.uri,
        };
        let name = name.filter(|name| !name.is_empty());
        if method.calls_tool() && name.is_none() {
            return Err(MessageError::ToolNotNamed);
        }
        Ok(Message { id, method: Some(method), name: name.map(Into::into) })
    }
}

/// The member among `words` that `key` is, or that some parser would take it for. Go's, for one, takes no notice of
/// case, and folds `ſ` and `K` too.
fn member(key: &str, words: &[&'static str]) -> Option<(&'static str, Spelling)> {
    if let Some(word) = words.iter().find(|word| **word == key) {
        return Some((word, Spelling::Exact));
    }
    let alike = |word: &&&'static str| {
        key.eq_ignore_ascii_case(word)
            || !key.is_ascii() && key.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).eq(word.chars())
    };
    words.iter().find(alike).map(|word| (*word, Spelling::Misleading))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Exact,
    Misleading,
}

/// A member's name; borrowed unless it has escapes in it.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Body<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BodyVisitor;
        impl<'de> Visitor<'de> for BodyVisitor {
            type Value = Body<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON-RPC message or a batch of them")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Body<'de>, A::Error> {
                RawVisitor.visit_map(map).map(Body::One)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Body<'de>, A::Error> {
                let mut messages = Vec::new();
                while messages.len() < MAX_BATCH {
                    match seq.next_element()? {
                        Some(message) => messages.push(message),
                        None => return Ok(Body::Batch(messages)),
                    }
                }
                let mut more = false;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    more = true;
                }
                Ok(if more { Body::TooLong } else { Body::Batch(messages) })
            }
        }
        deserializer.deserialize_any(BodyVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
        let mut raw = Raw::default();
        while let Some(Key(key)) = map.next_key()? {
            let Some((word, spelling)) = member(&key, &["id", "method", "params"]) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let slot = match word {
                "id" => &mut raw.id,
                "method" => &mut raw.method,
                _ => &mut raw.params,
            };
            if spelling == Spelling::Misleading || slot.is_some() {
                raw.ambiguous = Some(word);
            }
            *slot = Some(map.next_value()?);
        }
        Ok(raw)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Number::from_f64(number).map_or(Value::Other, Value::Number))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut params = Params::default();
        while let Some(Key(key)) = map.next_key()? {
            let Some((word, spelling)) = member(&key, &["name", "uri"]) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let slot = if word == "name" { &mut params.name } else { &mut params.uri };
            if spelling == Spelling::Misleading || slot.is_some() {
                params.ambiguous = Some(word);
            }
            *slot = match map.next_value()? {
                Leaf::Text(text) => Some(text),
                // Kept as a place that is taken, so that a second one is seen; no tool has the empty name.
                Leaf::Other => Some(Cow::Borrowed("")),
            };
        }
        Ok(Value::Object(params))
    }
}

/// A value that is a text or does not matter.
enum Leaf<'a> {
    Text(Cow<'a, str>),
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Leaf<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(|value| match value {
            Value::Text(text) => Self::Text(text),
            Value::Number(_) | Value::Object(_) | Value::Other => Self::Other,
        })
    }
}
