//! The cabinet itself: what other rooms ask.

mod audited;
mod credential;
mod r#move;
mod open;
mod recover;
mod rewrap;
mod rotate;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::{Clock, Timestamp};
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_storage::Database;
use keyward_storage::audit::AuditLog;

pub(crate) use audited::detail;
pub use r#move::{Move, MoveOutcome, Moved};
pub use open::{StoreConfig, StoreKind};
pub use recover::{Matched, Restored};
pub use rewrap::Rewrapped;
pub use rotate::{Progress, Rotated};

use crate::cache::CredentialCache;
use crate::error::VaultError;
use crate::fingerprint::fingerprint;
use crate::key::ring::KeyRing;
use crate::name::TokenName;
use crate::seal::{Place, Sealed};
use crate::store::sql::SqlStore;
use crate::store::{Expected, NewToken, OpenedToken, TokenEntry, TokenStore, VersionEntry};
use crate::upkeep::BRIEFLY;

/// The key cabinet. Clones are handles to the same one.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    db: Database,
    ring: Arc<KeyRing>,
    /// Where Keyward's own secrets are.
    own: SqlStore,
    /// Where the tokens of services are.
    store: Box<dyn TokenStore>,
    cache: CredentialCache,
    fingerprint_key: hmac::Key,
    audit: AuditLog,
    audit_required: bool,
    clock: Clock,
    random: Random,
}

impl Vault {
    /// Opens a token for use.
    pub async fn get(&self, name: &TokenName) -> Result<Option<OpenedToken>, VaultError> {
        self.opened(Action::TokenOpen, name).await
    }

    /// Opens a token to show it to an operator.
    pub async fn reveal(&self, name: &TokenName) -> Result<Option<OpenedToken>, VaultError> {
        self.opened(Action::TokenReveal, name).await
    }

    /// Stores a new version of a token, if what is stored is as `expected`; gives its number.
    pub async fn put(&self, name: &TokenName, token: &NewToken, expected: Expected) -> Result<i64, VaultError> {
        self.store_new(Action::TokenPut, name, token, expected).await
    }

    /// Puts a new version in the place of `current`, and records it as a rotation.
    pub async fn rotate(&self, name: &TokenName, token: &NewToken, current: i64) -> Result<i64, VaultError> {
        self.store_new(Action::TokenRotate, name, token, Expected::Version(current)).await
    }

    async fn store_new(
        &self,
        action: Action,
        name: &TokenName,
        token: &NewToken,
        expected: Expected,
    ) -> Result<i64, VaultError> {
        let (store, record) = (self.store_of(name), self.before_change(action, name).await?);
        let done = match &record {
            Some(record) => store.put_recorded(name, token, expected, record).await,
            None => store.put(name, token, expected).await,
        };
        self.after_change(action, name, record, done, |version| Some(*version)).await
    }

    /// Deletes a token with all its versions; whether there was one.
    pub async fn delete(&self, name: &TokenName) -> Result<bool, VaultError> {
        let (store, record) = (self.store_of(name), self.before_change(Action::TokenDelete, name).await?);
        let done = match &record {
            Some(record) => store.delete_recorded(name, record).await,
            None => store.delete(name).await,
        };
        self.changed(&done);
        match done {
            Ok(false) => Ok(false),
            done => self.after_change(Action::TokenDelete, name, record, done, |_| None).await,
        }
    }

    /// All tokens of services, in the order of their names; never a value.
    pub async fn list(&self) -> Result<Vec<TokenEntry>, VaultError> {
        self.0.store.list().await
    }

    /// The versions of a token, the newest first; empty when there is none.
    pub async fn versions(&self, name: &TokenName) -> Result<Vec<VersionEntry>, VaultError> {
        self.store_of(name).versions(name).await
    }

    /// The newest version of a token before the current one, while its grace lasts.
    pub async fn earlier(&self, name: &TokenName) -> Result<Option<OpenedToken>, VaultError> {
        match self.store_of(name).earlier(name).await {
            Ok(None) => Ok(None),
            done => {
                self.audited(Action::TokenOpen, name, done, |token| token.as_ref().map(|token| token.version)).await
            }
        }
    }

    /// A token as listings show it.
    pub async fn entry(&self, name: &TokenName) -> Result<Option<TokenEntry>, VaultError> {
        self.store_of(name).entry(name).await
    }

    /// The tokens that their services end by `until`, and when.
    pub async fn expiring(&self, until: Timestamp) -> Result<Vec<(TokenName, Timestamp)>, VaultError> {
        self.0.store.expiring(until).await
    }

    /// Destroys the versions whose grace has ended; how many there were.
    pub async fn sweep(&self) -> Result<u64, VaultError> {
        let destroyed = self.0.store.sweep().await?;
        if destroyed > 0 {
            let mut event = AuditEvent::new(self.0.clock.now(), Action::TokenSweep, AuditResult::Ok);
            event.detail = Some(serde_json::json!({ "versions": destroyed }).to_string());
            self.0.audit.record(event);
        }
        Ok(destroyed)
    }

    /// The same, unless another process is at it.
    pub(crate) async fn sweep_once(&self) -> Result<u64, VaultError> {
        match self.database().lock("sweep tokens", BRIEFLY).await? {
            Some(_one_at_a_time) => self.sweep().await,
            None => Ok(0),
        }
    }

    /// Seals a value that another room keeps in a table of its own.
    pub async fn seal_blob(&self, place: &Place, plain: &[u8]) -> Result<Sealed, VaultError> {
        self.0.ring.seal(place, plain).await
    }

    /// Opens what [`seal_blob`](Self::seal_blob) sealed for the same place.
    pub async fn open_blob(&self, place: &Place, sealed: &Sealed) -> Result<Secret, VaultError> {
        self.0.ring.open_sealed(place, sealed).await.inspect_err(|error| self.not_opened(place, error))
    }

    /// A short text by which equal values are known and from which none can be found: `kf_` and 12 hex digits.
    pub fn fingerprint(&self, value: &Secret) -> String {
        fingerprint(&self.0.fingerprint_key, value)
    }

    /// The id of the root key in use, or of what stands in its place.
    pub fn root_key_id(&self) -> &str {
        self.0.ring.wrapper().id()
    }

    /// Makes what is cached stale after a change. An attempt that failed changed nothing here, and must not take the cached
    /// tokens away while a store is out of reach.
    pub(super) fn changed<T>(&self, done: &Result<T, VaultError>) {
        if done.is_ok() {
            self.0.cache.invalidate();
        }
    }

    #[cfg(test)]
    pub(crate) fn sql_store(&self) -> SqlStore {
        self.0.own.clone()
    }

    pub(crate) fn database(&self) -> &Database {
        self.0.own.database()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The store that holds the tokens of services. What is done with it directly leaves no audit record.
    pub fn store(&self) -> &dyn TokenStore {
        &*self.0.store
    }

    fn store_of(&self, name: &TokenName) -> &dyn TokenStore {
        if name.is_own() { &self.0.own } else { &*self.0.store }
    }

    async fn opened(&self, action: Action, name: &TokenName) -> Result<Option<OpenedToken>, VaultError> {
        match self.store_of(name).get(name).await {
            Ok(None) => Ok(None),
            done => self.audited(action, name, done, |token| token.as_ref().map(|token| token.version)).await,
        }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

#[cfg(test)]
mod tests;
