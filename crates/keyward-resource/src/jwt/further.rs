//! Claims that only some issuers have: read a second time, after the signature, and only where they are wanted.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::claim_map::{ClaimMap, ClaimPath};
use crate::error::TokenError;

/// The claims that a [`ClaimMap`] wants.
#[derive(Debug, Default)]
pub(crate) struct FurtherClaims(Vec<(Box<str>, Value)>);

impl FurtherClaims {
    /// Of a token's claims as JSON.
    pub(crate) fn of(json: &[u8], map: &ClaimMap) -> Result<Self, TokenError> {
        if map.wants_any() { Self::parse(json, map) } else { Ok(Self::default()) }
    }

    pub(super) fn parse(json: &[u8], map: &ClaimMap) -> Result<Self, TokenError> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        deserializer.deserialize_map(Wanted(map)).map(Self).map_err(|_| TokenError::Claims)
    }

    /// A claim by its name.
    pub(crate) fn top(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| **known == *name).map(|(_, value)| value)
    }

    /// What is at a place.
    pub(crate) fn at(&self, path: &ClaimPath) -> Option<&Value> {
        path.within(self.top(path.first())?)
    }
}

#[derive(Clone, Copy)]
struct Wanted<'a>(&'a ClaimMap);

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Vec<(Box<str>, Value)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found: Self::Value = Vec::new();
        while let Some(name) = members.next_key_seed(Name(self.0))? {
            let Some(name) = name else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            // RFC 7519 §4: of two readers each could see another.
            if found.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a claim is there twice"));
            }
            found.push((name, members.next_value()?));
        }
        Ok(found)
    }
}

/// A claim's name, kept only if it is wanted.
struct Name<'a>(&'a ClaimMap);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<Box<str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<Box<str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.wants(name).then(|| name.into()))
    }
}
