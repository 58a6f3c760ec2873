//! Tokens in Infisical: a folder for each service, a secret for each key, versions as Infisical counts them.
//!
//! *Sealing.* With `seal`, a value leaves Keyward only sealed, bound to service, key and owner. It is not bound to the
//! version: Infisical numbers a version when it has taken it, and its own rollback to an earlier version goes on working.
//!
//! *Compare and set.* Infisical's API has none. Processes of Keyward on one database write a token one after another (a
//! [lock](Database::lock) of the database) and compare before they write, so among them [`Expected`] holds. Against
//! writers who do not go through Keyward: `Absent` is Infisical's own answer that the secret exists, checked there
//! before it writes; for `Version`, a write from outside between the comparison and ours is seen by the version number
//! that Infisical gives, and told ([`InfisicalError::Raced`]) - after the fact, with theirs in Infisical's history.
//!
//! *Earlier versions.* The current version's metadata says which one before it is usable and until when; it is read by its
//! number, and only while it belongs to the same secret. Infisical cannot destroy a version by its API, so
//! [`sweep`](TokenStore::sweep) has nothing to destroy: a version whose grace has ended is not given any more, and stays in
//! Infisical's history for as long as the project keeps versions.

mod facts;
mod folder;
mod value;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyward_core::clock::Clock;
use keyward_outbound::{Client, TlsConnector};
use keyward_storage::Database;

use super::sql::SqlStore;
use super::{Expected, NewToken, OpenedToken, StoreFuture, TokenEntry, TokenStore, VersionEntry};
use crate::error::VaultError;
use crate::infisical::answer::SecretAnswer;
use crate::infisical::{Infisical, InfisicalConfig, InfisicalError, client_config};
use crate::key::ring::KeyRing;
use crate::name::TokenName;
use facts::Facts;

const NAME: &str = "infisical";
/// How long one act may take, with all its requests.
const DEADLINE: Duration = Duration::from_secs(20);

/// The secrets below one folder of one environment.
pub(crate) struct InfisicalStore {
    api: Infisical,
    db: Database,
    ring: Arc<KeyRing>,
    clock: Clock,
    /// Whether project and environment were seen to be there.
    environment_seen: AtomicBool,
}

impl InfisicalStore {
    /// Locks and keys are those of the database that `sql` is on.
    pub(crate) fn new(config: InfisicalConfig, tls: TlsConnector, sql: &SqlStore) -> Self {
        let (db, ring, clock) = sql.parts();
        let api = Infisical::new(config, Client::new(client_config(), tls), clock.clone());
        Self { api, db, ring, clock, environment_seen: AtomicBool::new(false) }
    }

    fn folder(&self, name: &TokenName) -> String {
        folder::path_of(&self.api.config().path, name)
    }

    async fn find(&self, name: &TokenName, with_value: bool) -> Result<Option<SecretAnswer>, VaultError> {
        let found = self.api.get(&self.folder(name), name.key(), None, with_value).await?;
        if found.is_none() {
            self.check_environment().await?;
        }
        Ok(found)
    }

    /// Infisical answers 404 for a secret that is not there and for a project that is not there.
    async fn check_environment(&self) -> Result<(), InfisicalError> {
        if !self.environment_seen.load(Ordering::Relaxed) {
            self.api.check_environment().await?;
            self.environment_seen.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn read(&self, name: &TokenName) -> Result<Option<OpenedToken>, VaultError> {
        match self.find(name, true).await? {
            None => Ok(None),
            Some(secret) => {
                let expires_at = Facts::read(&secret.secret_metadata).expires_at;
                self.open(name, secret).await.map(|opened| Some(OpenedToken { expires_at, ..opened }))
            }
        }
    }

    async fn open(&self, name: &TokenName, secret: SecretAnswer) -> Result<OpenedToken, VaultError> {
        if secret.secret_value_hidden {
            return Err(InfisicalError::Denied("read the values of secrets".to_owned()).into());
        }
        let version = secret.version;
        let value = value::open(&self.ring, name, secret.secret_value, self.api.config().seal).await?;
        Ok(OpenedToken { value, version, expires_at: None })
    }

    async fn read_earlier(&self, name: &TokenName) -> Result<Option<OpenedToken>, VaultError> {
        let Some(current) = self.find(name, false).await? else { return Ok(None) };
        let earlier = Facts::read(&current.secret_metadata).earlier;
        let Some(earlier) = earlier.filter(|earlier| self.clock.now() < earlier.usable_until) else {
            return Ok(None);
        };
        let secret = self.api.get(&self.folder(name), name.key(), Some(earlier.version), true).await?;
        // A secret that was deleted and made again leaves versions of the same name behind, with another id.
        match secret.filter(|secret| secret.id == current.id) {
            None => Ok(None),
            Some(secret) => {
                let opened = self.open(name, secret).await?;
                Ok(Some(OpenedToken { expires_at: earlier.expires_at, ..opened }))
            }
        }
    }

    async fn read_versions(&self, name: &TokenName) -> Result<Vec<VersionEntry>, VaultError> {
        let Some(current) = self.find(name, false).await? else { return Ok(Vec::new()) };
        let earlier = Facts::read(&current.secret_metadata).earlier;
        let mut versions = vec![VersionEntry {
            version: current.version,
            current: true,
            created_at: current.updated_at,
            usable_until: None,
        }];
        versions.extend(earlier.filter(|earlier| self.clock.now() < earlier.usable_until).map(|earlier| {
            VersionEntry {
                version: earlier.version,
                current: false,
                created_at: None,
                usable_until: Some(earlier.usable_until),
            }
        }));
        Ok(versions)
    }

    async fn all(&self) -> Result<Vec<TokenEntry>, VaultError> {
        let base = &self.api.config().path;
        let Some(secrets) = self.api.list(base).await? else {
            self.check_environment().await?;
            return Ok(Vec::new());
        };
        let mut entries: Vec<_> = secrets.into_iter().filter_map(|secret| entry(base, secret)).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }
}

/// `None` for secrets that are not Keyward's.
fn entry(base: &str, secret: SecretAnswer) -> Option<TokenEntry> {
    let name = folder::name_of(base, secret.secret_path.as_deref()?, &secret.secret_key)?;
    let facts = Facts::read(&secret.secret_metadata);
    Some(TokenEntry {
        name,
        version: secret.version,
        store: NAME,
        key_id: facts.sealed_with,
        labels: facts.labels,
        created_at: secret.created_at,
        updated_at: secret.updated_at,
        expires_at: facts.expires_at,
    })
}

/// Nothing hangs: an act that has not ended by now fails, and is dropped with all it holds.
async fn in_time<T>(act: impl Future<Output = Result<T, VaultError>>) -> Result<T, VaultError> {
    tokio::time::timeout(DEADLINE, act).await.unwrap_or(Err(InfisicalError::Deadline.into()))
}

impl TokenStore for InfisicalStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn get<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<OpenedToken>> {
        Box::pin(in_time(self.read(name)))
    }

    fn put<'a>(&'a self, name: &'a TokenName, token: &'a NewToken, expected: Expected) -> StoreFuture<'a, i64> {
        Box::pin(in_time(self.write(name, token, expected)))
    }

    fn list(&self) -> StoreFuture<'_, Vec<TokenEntry>> {
        Box::pin(in_time(self.all()))
    }

    fn delete<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, bool> {
        Box::pin(in_time(self.remove(name)))
    }

    fn versions<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Vec<VersionEntry>> {
        Box::pin(in_time(self.read_versions(name)))
    }

    fn earlier<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<OpenedToken>> {
        Box::pin(in_time(self.read_earlier(name)))
    }
}

#[cfg(test)]
mod tests;
