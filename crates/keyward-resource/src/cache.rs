//! What was verified before. A hit costs one hash over the token and one comparison with it, and allocates nothing.
//!
//! The hash is fast and keyed by chance, and it only finds the slot: an entry answers if the whole token and the whole
//! resource are the same. The comparison of bytes runs only when all 64 bits of the hash agree, so its timing tells
//! nothing to somebody who guesses tokens.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use foldhash::quality::RandomState;
use keyward_core::clock::Timestamp;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, Weighter};
use zeroize::Zeroizing;

use crate::error::TokenError;
use crate::principal::Principal;

/// Fixed cost of an entry beside its token: the principal, the table.
const ENTRY_BYTES: u64 = 512;
/// What one entry is expected to weigh, all in all.
const EXPECTED_BYTES: u64 = 1536;

/// State that outcomes depend on, as numbers that only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    /// Keys, static tokens, configuration: when it differs, the token is verified again.
    pub(crate) rules: u64,
    /// Revocations: when it differs, only they are looked up again.
    pub(crate) revocations: u64,
}

/// An accepted token.
#[derive(Clone)]
pub(crate) struct Accepted {
    pub(crate) principal: Arc<Principal>,
    pub(crate) until: Timestamp,
    pub(crate) generation: Generation,
}

/// A refused token.
#[derive(Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) error: TokenError,
    pub(crate) until: Timestamp,
    pub(crate) rules: u64,
}

/// Accepted and refused tokens, each bounded apart, so that junk cannot push out what is good.
pub(crate) struct TokenCache {
    seed: RandomState,
    accepted: Slots<Accepted>,
    refused: Slots<Refused>,
}

type Slots<V> = Cache<Stored, V, ByBytes, Passed, DefaultLifecycle<Stored, V>>;

impl TokenCache {
    pub(crate) fn new(accepted_bytes: u64, refused_bytes: u64) -> Self {
        fn slots<V: Clone>(bytes: u64) -> Slots<V> {
            let items = usize::try_from(bytes / EXPECTED_BYTES).unwrap_or(usize::MAX);
            Cache::with(items, bytes, ByBytes, Passed, DefaultLifecycle::default())
        }
        Self { seed: RandomState::default(), accepted: slots(accepted_bytes), refused: slots(refused_bytes) }
    }

    /// The handle for all that follows on one call; the hash is computed here, once.
    pub(crate) fn slot<'a>(&self, token: &'a str, resource: &'a str) -> Slot<'a> {
        let mut hasher = self.seed.build_hasher();
        hasher.write(token.as_bytes());
        hasher.write(resource.as_bytes());
        Slot { hash: hasher.finish(), token, resource }
    }

    pub(crate) fn accepted(&self, slot: &Slot<'_>) -> Option<Accepted> {
        self.accepted.get(slot)
    }

    pub(crate) fn refused(&self, slot: &Slot<'_>) -> Option<Refused> {
        self.refused.get(slot)
    }

    pub(crate) fn accept(&self, slot: &Slot<'_>, accepted: Accepted) {
        self.accepted.insert(slot.stored(), accepted);
    }

    pub(crate) fn refuse(&self, slot: &Slot<'_>, refused: Refused) {
        self.accepted.remove(slot);
        self.refused.insert(slot.stored(), refused);
    }
}

#[cfg(test)]
impl TokenCache {
    pub(crate) fn weights(&self) -> (u64, u64) {
        (self.accepted.weight(), self.refused.weight())
    }
}

/// A token asked for together with the resource that it is for.
pub(crate) struct Slot<'a> {
    hash: u64,
    token: &'a str,
    resource: &'a str,
}

impl Slot<'_> {
    fn stored(&self) -> Stored {
        Stored { hash: self.hash, token: Zeroizing::new(self.token.into()), resource: self.resource.into() }
    }
}

impl Hash for Slot<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Equivalent<Stored> for Slot<'_> {
    fn equivalent(&self, stored: &Stored) -> bool {
        self.hash == stored.hash && *self.token == **stored.token && *self.resource == *stored.resource
    }
}

struct Stored {
    hash: u64,
    token: Zeroizing<Box<str>>,
    resource: Box<str>,
}

impl Hash for Stored {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && *self.token == *other.token && self.resource == other.resource
    }
}

impl Eq for Stored {}

/// Hands the hash on that was computed before.
#[derive(Clone, Default)]
struct Passed;

impl BuildHasher for Passed {
    type Hasher = PassedHasher;

    fn build_hasher(&self) -> PassedHasher {
        PassedHasher(0)
    }
}

struct PassedHasher(u64);

impl Hasher for PassedHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only `write_u64` is called; this keeps the promise of the trait all the same.
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[derive(Clone)]
struct ByBytes;

impl<V> Weighter<Stored, V> for ByBytes {
    fn weight(&self, key: &Stored, _: &V) -> u64 {
        ENTRY_BYTES + (key.token.len() + key.resource.len()) as u64
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenCache({} accepted, {} refused)", self.accepted.len(), self.refused.len())
    }
}

#[cfg(test)]
mod tests;
