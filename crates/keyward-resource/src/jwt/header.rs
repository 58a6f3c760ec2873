//! The JOSE header (RFC 7515 §4, RFC 9068 §2.1).

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::Algorithm;
use crate::error::TokenError;
use keyward_core::json::object;

/// What `typ` must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeRule {
    /// `at+jwt` (RFC 9068 §4).
    Required,
    /// `at+jwt`, or what issuers before RFC 9068 write: `JWT`, or nothing.
    Tolerant,
}

impl TypeRule {
    /// Media types compare without regard to case, and `application/` may be left out (RFC 7515 §4.1.9).
    pub(crate) fn allows(self, typ: Option<&str>) -> bool {
        let Some(typ) = typ else { return self == Self::Tolerant };
        let subtype = match typ.split_at_checked("application/".len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
            _ => typ,
        };
        subtype.eq_ignore_ascii_case("at+jwt") || (self == Self::Tolerant && subtype.eq_ignore_ascii_case("jwt"))
    }
}

/// What is read of a header. `jwk`, `jku`, `x5u` and `x5c` are not: a token does not bring its own key.
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
}

/// Members that occur twice are refused by the derived code (RFC 7515 §4).
#[derive(Deserialize)]
struct Members {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default)]
    crit: Presence,
}

/// Whether a member is there at all, even with `null`.
#[derive(Default)]
pub(super) struct Presence(pub(super) bool);

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

impl Header {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, TokenError> {
        let members: Members = object(json).map_err(|_| TokenError::Malformed)?;
        if members.crit.0 {
            return Err(TokenError::Critical);
        }
        let algorithm = Algorithm::from_name(&members.alg).ok_or(TokenError::Algorithm)?;
        Ok(Self { algorithm, kid: members.kid, typ: members.typ })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            assert!(TypeRule::Required.allows(Some(typ)) && TypeRule::Tolerant.allows(Some(typ)), "{typ}");
        }
        for typ in [Some("JWT"), Some("jwt"), Some("application/jwt"), None] {
            assert!(!TypeRule::Required.allows(typ) && TypeRule::Tolerant.allows(typ), "{typ:?}");
        }
        for typ in ["dpop+jwt", "logout+jwt", "", "application/", "at+jwt ", "text/at+jwt", "éapplication/at+jwt"] {
            assert!(!TypeRule::Required.allows(Some(typ)) && !TypeRule::Tolerant.allows(Some(typ)), "{typ}");
        }
    }

    #[test]
    fn crit_is_refused_whatever_it_holds() {
        for crit in [r#"["exp"]"#, "[]", "\"\"", "null"] {
            let json = format!(r#"{{"alg":"ES256","crit":{crit}}}"#);
            assert_eq!(Header::parse(json.as_bytes()).err(), Some(TokenError::Critical), "{crit}");
        }
    }
}
