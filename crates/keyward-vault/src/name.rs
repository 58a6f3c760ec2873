//! The name of a token: `SERVICE/KEY`, and whose it is.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use keyward_core::id::UserId;

/// The service under which Keyward keeps secrets of its own; no configured name can reach it.
const OWN_SERVICE: &str = "keyward";
const MAX_SERVICE: usize = 63;
const MAX_KEY: usize = 128;

/// Where a token is found: a service, a key within it, and the person it belongs to, if it is not shared.
///
/// ```
/// use keyward_vault::TokenName;
///
/// let name: TokenName = "coda/api_token".parse()?;
/// assert_eq!((name.service(), name.key()), ("coda", "api_token"));
/// # Ok::<(), keyward_vault::InvalidTokenName>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenName {
    service: Arc<str>,
    key: Arc<str>,
    owner: Option<UserId>,
}

/// A text that names no token. The text itself is not repeated: it may be long, or a secret put in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTokenName {
    /// There is no slash.
    #[error("a token is named SERVICE/KEY, for example coda/api_token; there is no '/' in this name")]
    NoSlash,
    /// There is more than one slash.
    #[error("a token is named SERVICE/KEY, for example coda/api_token; there is more than one '/' in this name")]
    ManySlashes,
    /// The part before the slash does not follow its grammar.
    #[error(
        "the service of a token name has 1 to {MAX_SERVICE} characters a-z, 0-9, '-' and '_', the first a letter or digit"
    )]
    Service,
    /// The part after the slash does not follow its grammar.
    #[error(
        "the key of a token name has 1 to {MAX_KEY} characters A-Z, a-z, 0-9, '.', '-' and '_', the first a letter or digit"
    )]
    Key,
    /// The service is the one that Keyward keeps for itself.
    #[error("the service name \"{OWN_SERVICE}\" is kept for Keyward itself")]
    Reserved,
}

impl TokenName {
    /// A shared token's name from its two parts.
    pub fn new(service: &str, key: &str) -> Result<Self, InvalidTokenName> {
        if service == OWN_SERVICE {
            return Err(InvalidTokenName::Reserved);
        }
        Self::from_parts(service, key, None)
    }

    /// The name of a secret of Keyward's own, such as a signing key. Such a secret is always in the database, whatever
    /// store is configured, is not listed, and never becomes a credential.
    pub fn own(key: &str) -> Result<Self, InvalidTokenName> {
        Self::from_parts(OWN_SERVICE, key, None)
    }

    /// The same name, for the token of one person.
    #[must_use]
    pub fn owned_by(mut self, owner: UserId) -> Self {
        self.owner = Some(owner);
        self
    }

    /// The service.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The key within the service.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Service and key, for who keeps them.
    pub(crate) fn shared(&self) -> (Arc<str>, Arc<str>) {
        (self.service.clone(), self.key.clone())
    }

    /// Whose it is; `None` when it is shared.
    pub fn owner(&self) -> Option<UserId> {
        self.owner
    }

    /// Whether it names a secret of Keyward's own.
    pub fn is_own(&self) -> bool {
        &*self.service == OWN_SERVICE
    }

    /// As a row of the database says it, with Keyward's own names among them.
    pub(crate) fn from_parts(service: &str, key: &str, owner: Option<UserId>) -> Result<Self, InvalidTokenName> {
        let starts = |text: &str| text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let in_service = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        let in_key = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if !starts(service) || service.len() > MAX_SERVICE || !service.bytes().all(in_service) {
            return Err(InvalidTokenName::Service);
        }
        if !starts(key) || key.len() > MAX_KEY || !key.bytes().all(in_key) {
            return Err(InvalidTokenName::Key);
        }
        Ok(Self { service: service.into(), key: key.into(), owner })
    }
}

impl FromStr for TokenName {
    type Err = InvalidTokenName;

    fn from_str(text: &str) -> Result<Self, InvalidTokenName> {
        let (service, key) = text.split_once('/').ok_or(InvalidTokenName::NoSlash)?;
        if key.contains('/') {
            return Err(InvalidTokenName::ManySlashes);
        }
        Self::new(service, key)
    }
}

/// `SERVICE/KEY`; the owner is not part of the text.
impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.key)
    }
}

impl fmt::Debug for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner {
            Some(owner) => write!(f, "{self} of {owner}"),
            None => write!(f, "{self}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_follow_the_grammar() {
        for good in
            ["coda/api_token", "a/B", "0/0", "my-svc_2/Token.v1-x", &format!("{}/{}", "a".repeat(63), "K".repeat(128))]
        {
            assert_eq!(good.parse::<TokenName>().expect(good).to_string(), good);
        }
    }

    #[test]
    fn names_that_do_not() {
        use InvalidTokenName::{Key, ManySlashes, NoSlash, Reserved, Service};
        let long = "a".repeat(10_000);
        for (bad, why) in [
            ("", NoSlash),
            ("coda", NoSlash),
            (long.as_str(), NoSlash),
            ("/", Service),
            ("/key", Service),
            ("coda/", Key),
            ("coda/a/b", ManySlashes),
            ("coda//b", ManySlashes),
            ("Coda/key", Service),
            ("-coda/key", Service),
            (" coda/key", Service),
            ("co da/key", Service),
            ("coda/api token", Key),
            ("coda/api_token\n", Key),
            ("coda/api\0token", Key),
            ("coda/..", Key),
            ("coda/.hidden", Key),
            ("codä/key", Service),
            ("coda/schlüssel", Key),
            ("coda/key\u{202e}", Key),
            ("keyward/signing", Reserved),
            (&format!("{long}/key"), Service),
            (&format!("coda/{long}"), Key),
        ] {
            assert_eq!(bad.parse::<TokenName>(), Err(why), "{:.40}", bad.escape_debug().to_string());
        }
    }

    #[test]
    fn errors_never_repeat_the_name() {
        let secret = "sk-live-0123456789";
        let error = secret.parse::<TokenName>().expect_err("no slash");
        assert!(!format!("{error} {error:?}").contains(secret));
    }

    #[test]
    fn own_names_are_apart() {
        let own = TokenName::own("signing.k1").expect("name");
        assert!(own.is_own());
        assert!(!"coda/key".parse::<TokenName>().expect("name").is_own());
    }
}
