//! The claims of an access token (RFC 9068 §2.2) and the rules for them (§4).

use std::fmt;
use std::time::Duration;

use keyward_core::clock::Timestamp;
use keyward_core::resource::ResourceUri;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::header::Presence;
use crate::audience::AudienceRule;
use crate::error::TokenError;
use keyward_core::json::object;

/// What is read of the claims. Members that occur twice are refused by the derived code (RFC 7519 §4).
#[derive(Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    aud: OneOrMany,
    exp: NumericDate,
    nbf: Option<NumericDate>,
    iat: Option<NumericDate>,
    pub(crate) jti: Option<String>,
    client_id: Option<String>,
    azp: Option<String>,
    cid: Option<String>,
    scope: Option<OneOrMany>,
    scp: Option<OneOrMany>,
    pub(crate) email: Option<String>,
    #[serde(default)]
    email_verified: Verified,
    #[serde(default)]
    at_hash: Presence,
    #[serde(default)]
    events: Presence,
    pub(crate) grant_id: Option<String>,
}

/// A claim that issuers write as one text or as a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl Claims {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, TokenError> {
        let claims: Self = object(json).map_err(|_| TokenError::Claims)?;
        if claims.sub.is_empty() { Err(TokenError::Claims) } else { Ok(claims) }
    }

    /// `aud` holds `resource`, or what stands for it by `rule` (RFC 9068 §4).
    pub(crate) fn check_audience(&self, rule: &AudienceRule, resource: &ResourceUri) -> Result<(), TokenError> {
        if rule.accepts(self.aud.as_slice(), resource) { Ok(()) } else { Err(TokenError::Audience) }
    }

    /// Whether it is no access token but another thing that issuers sign with the same keys: an ID token (`at_hash`, OpenID
    /// Connect Core §3.1.3.6) or a security event such as a logout (`events`, RFC 8417 §2.2).
    pub(crate) fn is_other_statement(&self) -> bool {
        self.at_hash.0 || self.events.0
    }

    /// `email_verified` (OpenID Connect Core §5.1).
    pub(crate) fn email_is_verified(&self) -> bool {
        self.email_verified.0
    }

    /// `exp`, `nbf` and `iat` (RFC 7519 §4.1.4-6), each with `leeway` for clocks that differ.
    pub(crate) fn check_times(&self, now: Timestamp, leeway: Duration) -> Result<(), TokenError> {
        if self.exp.0.plus(leeway) <= now {
            return Err(TokenError::Expired);
        }
        let starts = [self.nbf, self.iat].into_iter().flatten().max_by_key(|date| date.0);
        if starts.is_some_and(|start| start.0 > now.plus(leeway)) { Err(TokenError::NotYetValid) } else { Ok(()) }
    }

    /// `exp`.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.exp.0
    }

    /// The names in `scope` (RFC 8693 §4.2), or in what other issuers have in its place.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &str> {
        let lists = self.scope.as_ref().or(self.scp.as_ref()).map_or(&[][..], OneOrMany::as_slice);
        lists.iter().flat_map(|list| list.split(' '))
    }

    /// `client_id` (RFC 8693 §4.3), or `azp` (OpenID Connect Core §2), or `cid`, as Okta has it.
    pub(crate) fn take_client_id(&mut self) -> Option<String> {
        self.client_id.take().or_else(|| self.azp.take()).or_else(|| self.cid.take())
    }
}

/// Whether an e-mail is verified: issuers write a boolean, some a text. All else means no.
#[derive(Default)]
struct Verified(bool);

impl<'de> Deserialize<'de> for Verified {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Boolean(bool),
            Text(String),
            Other(de::IgnoredAny),
        }

        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Boolean(verified) => verified,
            Written::Text(text) => text == "true",
            Written::Other(_) => false,
        }))
    }
}

/// Seconds since the epoch, perhaps with a fraction (RFC 7519 §2).
#[derive(Clone, Copy)]
pub(crate) struct NumericDate(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;

        impl Visitor<'_> for Number {
            type Value = NumericDate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds since the epoch")
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<NumericDate, E> {
                Ok(NumericDate(Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))))
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<NumericDate, E> {
                Ok(NumericDate(Timestamp::from_seconds(seconds)))
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<NumericDate, E> {
                // A conversion with `as` saturates; JSON has no infinity and no NaN.
                Ok(NumericDate(Timestamp::from_micros((seconds * 1_000_000.0) as i64)))
            }
        }

        deserializer.deserialize_any(Number)
    }
}
