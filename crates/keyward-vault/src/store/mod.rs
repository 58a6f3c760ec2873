//! Where tokens are kept: one trait, several stores.

pub mod chain;
pub mod env;
pub(crate) mod infisical;
pub(crate) mod openbao;
pub mod sql;
#[cfg(test)]
pub(crate) mod suite;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use keyward_core::audit::AuditEvent;
use keyward_core::clock::Timestamp;
use keyward_core::secret::Secret;

use crate::error::VaultError;
use crate::name::TokenName;

/// The longest value that is taken: 1 MiB.
pub const MAX_VALUE_LEN: usize = 1 << 20;

/// A token, opened.
#[derive(Debug)]
pub struct OpenedToken {
    /// Its value.
    pub value: Secret,
    /// Which version this is; 1 is the first.
    pub version: i64,
    /// When the service ends it, as far as known. It is still handed out after that: the service decides.
    pub expires_at: Option<Timestamp>,
}

/// A token to be stored.
#[derive(Debug)]
pub struct NewToken {
    value: Secret,
    expires_at: Option<Timestamp>,
    labels: BTreeMap<String, String>,
    grace: Duration,
}

impl NewToken {
    /// A value that may be stored: not empty, at most [`MAX_VALUE_LEN`] bytes of any kind.
    pub fn new(value: Secret) -> Result<Self, VaultError> {
        match value.len() {
            0 => Err(VaultError::EmptyValue),
            1..=MAX_VALUE_LEN => Ok(Self { value, expires_at: None, labels: BTreeMap::new(), grace: Duration::ZERO }),
            _ => Err(VaultError::ValueTooLong),
        }
    }

    /// What another store gave, to be stored in this one.
    pub(crate) fn copy_of(token: &OpenedToken, labels: BTreeMap<String, String>) -> Result<Self, VaultError> {
        let new = Self::new(Secret::new(token.value.expose_secret().to_vec()))?;
        Ok(Self { expires_at: token.expires_at, labels, ..new })
    }

    /// The same, with the moment the service ends it.
    #[must_use]
    pub fn expires_at(mut self, at: Timestamp) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// The same, with labels: words of the operator's own, shown in listings.
    #[must_use]
    pub fn labels(mut self, labels: BTreeMap<String, String>) -> Self {
        self.labels = labels;
        self
    }

    /// The same, with the version before it usable for `grace` longer. Without one it ends at once.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    pub(crate) fn value(&self) -> &Secret {
        &self.value
    }
}

/// What a writer believes to be stored: the write is done only when it is so (compare and set).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Anything or nothing.
    Anything,
    /// Nothing.
    Absent,
    /// This version.
    Version(i64),
}

impl Expected {
    pub(crate) fn allows(self, found: Option<i64>) -> bool {
        match self {
            Self::Anything => true,
            Self::Absent => found.is_none(),
            Self::Version(version) => found == Some(version),
        }
    }
}

/// A token as listings show it: never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEntry {
    /// Its name.
    pub name: TokenName,
    /// Its version.
    pub version: i64,
    /// The store it is in.
    pub store: &'static str,
    /// The data key it is sealed under, or what stands in its place; `None` where it is not sealed.
    pub key_id: Option<String>,
    /// Words of the operator's own.
    pub labels: BTreeMap<String, String>,
    /// When it was first stored.
    pub created_at: Option<Timestamp>,
    /// When this version was stored.
    pub updated_at: Option<Timestamp>,
    /// When the service ends it.
    pub expires_at: Option<Timestamp>,
}

/// One version of a token as listings show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionEntry {
    /// Its number.
    pub version: i64,
    /// Whether it is the one in use.
    pub current: bool,
    /// When it was stored, as far as known.
    pub created_at: Option<Timestamp>,
    /// When it stops being usable, for an earlier version that still is.
    pub usable_until: Option<Timestamp>,
}

/// What the methods of a [`TokenStore`] give.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, VaultError>> + Send + 'a>>;

/// A place where tokens are kept. An absent token is `Ok(None)`, never an error.
pub trait TokenStore: Send + Sync {
    /// Its name in listings and messages.
    fn name(&self) -> &'static str;
    /// The current version of a token.
    fn get<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<OpenedToken>>;
    /// Stores a new version, if what is stored is as `expected`; gives its number.
    fn put<'a>(&'a self, name: &'a TokenName, token: &'a NewToken, expected: Expected) -> StoreFuture<'a, i64>;
    /// Whether what this store changes stands or falls with the audit record of it: then the methods that take one are
    /// called.
    fn keeps_records(&self) -> bool {
        false
    }
    /// [`put`](Self::put) with the record of it, but for the version, which is added.
    fn put_recorded<'a>(
        &'a self,
        name: &'a TokenName,
        token: &'a NewToken,
        expected: Expected,
        _record: &'a AuditEvent,
    ) -> StoreFuture<'a, i64> {
        self.put(name, token, expected)
    }
    /// [`delete`](Self::delete) with the record of it.
    fn delete_recorded<'a>(&'a self, name: &'a TokenName, _record: &'a AuditEvent) -> StoreFuture<'a, bool> {
        self.delete(name)
    }
    /// All tokens, in the order of their names.
    fn list(&self) -> StoreFuture<'_, Vec<TokenEntry>>;
    /// Deletes a token with all its versions; whether there was one.
    fn delete<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, bool>;
    /// The versions of a token, the newest first; empty when there is none.
    fn versions<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Vec<VersionEntry>>;
    /// The newest version before the current one, while its grace lasts. A store that keeps one version has none.
    fn earlier<'a>(&'a self, _name: &'a TokenName) -> StoreFuture<'a, Option<OpenedToken>> {
        Box::pin(async { Ok(None) })
    }
    /// One token as listings show it.
    fn entry<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<TokenEntry>> {
        Box::pin(async move { Ok(self.list().await?.into_iter().find(|entry| entry.name == *name)) })
    }
    /// The tokens that the service ends by `until`, and when.
    fn expiring(&self, until: Timestamp) -> StoreFuture<'_, Vec<(TokenName, Timestamp)>> {
        Box::pin(async move {
            let ends = |entry: TokenEntry| Some((entry.name, entry.expires_at.filter(|end| *end <= until)?));
            Ok(self.list().await?.into_iter().filter_map(ends).collect())
        })
    }
    /// Destroys the versions whose grace has ended; how many there were.
    fn sweep(&self) -> StoreFuture<'_, u64> {
        Box::pin(async { Ok(0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_a_length() {
        let of = |length| NewToken::new(Secret::new(vec![0; length]));
        assert!(matches!(of(0), Err(VaultError::EmptyValue)));
        assert!(of(1).is_ok() && of(MAX_VALUE_LEN).is_ok());
        assert!(matches!(of(MAX_VALUE_LEN + 1), Err(VaultError::ValueTooLong)));
    }
}
