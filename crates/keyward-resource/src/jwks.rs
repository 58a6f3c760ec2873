//! Key sets (RFC 7517): the keys that an issuer's signatures are verified with, and where they come from.

mod cache;
mod fetch;
mod key;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) use cache::{Location, RemoteKeys};
pub(crate) use key::Key;

use crate::error::TokenError;
use crate::jwt::Algorithm;
use crate::provider::Provider;
use keyward_core::json::object;
use keyward_core::words;

/// Most keys that are taken from one set: more than any issuer in its right mind has. A token whose key may be among those
/// left out is not refused but answered with 503.
const MAX_KEYS: usize = 1024;

/// The keys of one issuer that can be used here.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    /// How many were left out.
    omitted: usize,
    /// Ids that several different keys for one algorithm have.
    ambiguous: Vec<String>,
}

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
        let taken = document.keys.iter().take(MAX_KEYS);
        let mut set = Self { omitted: document.keys.len().saturating_sub(MAX_KEYS), ..Self::default() };
        let mut by_name = HashMap::new();
        for key in taken.flat_map(|jwk| Key::from_jwk(jwk.get())) {
            match by_name.entry((key.id().map(str::to_owned), key.algorithm())) {
                Entry::Vacant(free) => {
                    free.insert(set.keys.len());
                }
                // The same once more.
                Entry::Occupied(other) if set.keys[*other.get()].is_same(&key) => continue,
                Entry::Occupied(other) => set.ambiguous.extend(other.key().0.clone()),
            }
            set.keys.push(key);
        }
        set.ambiguous.sort_unstable();
        set.ambiguous.dedup();
        Ok(set)
    }

    /// How many keys can be used; an RSA key that is not bound to one algorithm counts for each.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key can be used.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys of the document were left out.
    pub(crate) fn omitted(&self) -> usize {
        self.omitted
    }

    /// How many keys serve one of these algorithms.
    pub(crate) fn count_for(&self, algorithms: &[Algorithm]) -> usize {
        self.keys.iter().filter(|key| algorithms.contains(&key.algorithm())).count()
    }

    /// What its keys are for.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let has = |algorithm: &Algorithm| self.keys.iter().any(|key| key.algorithm() == *algorithm);
        Algorithm::ALL.iter().copied().filter(has).collect()
    }

    /// What is odd about it, for people, where these algorithms are accepted.
    pub(crate) fn notes(&self, accepted: &[Algorithm]) -> Vec<String> {
        let mut notes = Vec::new();
        if self.omitted > 0 {
            let all = MAX_KEYS + self.omitted;
            notes.push(format!("its key set has {all} keys, of which only the first {MAX_KEYS} are taken"));
        }
        for id in self.ambiguous.iter().take(3) {
            let id = words::tame(id).unwrap_or_default();
            notes.push(format!("several of its keys have the id \"{id}\": tokens that name it are refused"));
        }
        let nameless = accepted.iter().filter(|&&algorithm| {
            let mut fitting = self.keys.iter().filter(|key| key.algorithm() == algorithm);
            self.count_for(&[algorithm]) > 1 && fitting.any(|key| key.id().is_none())
        });
        let nameless: Vec<_> = nameless.map(|algorithm| algorithm.name()).collect();
        if !nameless.is_empty() {
            let algorithms = nameless.join(", ");
            notes.push(format!(
                "not all of its keys for {algorithms} have an id: nothing is verified with those without"
            ));
        }
        notes
    }

    /// The key for a token: by its id, and only if it serves the algorithm. A token without a key id gets the only key
    /// that serves its algorithm. Where several fit there is none: an id is there to match one key (RFC 7517 §4.5), and
    /// which of two was meant is not for a signature to say.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut fitting =
            self.keys.iter().filter(|key| key.algorithm() == algorithm && (kid.is_none() || key.id() == kid));
        let first = fitting.next()?;
        if fitting.next().is_some() { None } else { Some(first) }
    }
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// From this process: whoever holds the other end stores a new set when the keys change.
    Local(Arc<ArcSwap<KeySet>>),
    /// From an external issuer.
    Provider(Provider),
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
            Self::Provider(provider) => {
                let (keys, suffices) = (provider.remote_keys(), |keys: &KeySet| keys.find(kid, algorithm).is_some());
                match keys.at_hand(suffices) {
                    Some(keys) => keys,
                    None => keys.holding(suffices).await?,
                }
            }
        };
        use_key(keys.find(kid, algorithm).ok_or(TokenError::Key)?)
    }

    /// Grows when the keys are seen to have changed.
    pub(crate) fn version(&self) -> u64 {
        match self {
            Self::Local(_) => 0,
            Self::Provider(provider) => provider.remote_keys().version(),
        }
    }
}

#[cfg(test)]
mod tests;
