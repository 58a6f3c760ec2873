//! Key sets (RFC 7517): the keys that an issuer's signatures are verified with, and where they come from.

mod cache;
mod fetch;
mod key;

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::Deserialize;
use serde_json::value::RawValue;

pub use cache::{RemoteKeys, RemoteKeysConfig};
pub(crate) use key::Key;

use crate::error::TokenError;
use crate::json::object;
use crate::jwt::Algorithm;

/// Most keys that are taken from one set.
const MAX_KEYS: usize = 128;

/// The keys of one issuer that can be used here.
#[derive(Debug, Default)]
pub struct KeySet(Vec<Key>);

/// A document that is no JWK Set at all.
#[derive(Debug, thiserror::Error)]
#[error("not a JWK Set (RFC 7517 §5)")]
pub struct InvalidKeySet(#[source] serde_json::Error);

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl KeySet {
    /// Reads a JWK Set. Keys of unknown kinds, for other uses, or not sound are passed over (RFC 7517 §5): they are a
    /// newer time's, or the issuer's mistake, and the others still serve.
    pub fn from_jwks(json: &[u8]) -> Result<Self, InvalidKeySet> {
        let document: Document<'_> = object(json).map_err(InvalidKeySet)?;
        let keys = document.keys.iter().take(MAX_KEYS);
        Ok(Self(keys.flat_map(|jwk| Key::from_jwk(jwk.get())).collect()))
    }

    /// How many keys can be used; an RSA key that is not bound to one algorithm counts for each.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no key can be used.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key for a token: by its id, and only if it serves the algorithm. A token without a key id gets the only key
    /// that serves its algorithm, or none where there are several.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut fitting =
            self.0.iter().filter(|key| key.algorithm() == algorithm && (kid.is_none() || key.id() == kid));
        let first = fitting.next()?;
        if kid.is_none() && fitting.next().is_some() { None } else { Some(first) }
    }
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// From this process: whoever holds the other end stores a new set when the keys change.
    Local(Arc<ArcSwap<KeySet>>),
    /// From the issuer's `jwks_uri`.
    Remote(RemoteKeys),
}

impl KeySource {
    /// Lets `use_key` have the key, or says why there is none.
    pub(crate) async fn with_key<T>(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        use_key: impl FnOnce(&Key) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let keys = match self {
            Self::Local(keys) => keys.load_full(),
            Self::Remote(remote) => remote.holding(|keys| keys.find(kid, algorithm).is_some()).await?,
        };
        use_key(keys.find(kid, algorithm).ok_or(TokenError::Key)?)
    }

    /// Grows when the keys are seen to have changed.
    pub(crate) fn version(&self) -> u64 {
        match self {
            Self::Local(_) => 0,
            Self::Remote(remote) => remote.version(),
        }
    }
}

#[cfg(test)]
mod tests;
