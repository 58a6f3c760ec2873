//! Tokens in OpenBao's KV v2 (HashiCorp Vault speaks the same): a secret for each token, versions as OpenBao counts them.
//!
//! *Compare and set.* Every write names the version it follows (`cas`), so that of many writers one wins, whoever they are.
//! A token that was deleted in OpenBao's own way keeps its count there; the next version follows it.
//!
//! *Earlier versions.* Each version says which ones before it are usable and until when ([`secret`]); a put destroys all
//! others, [`sweep`](TokenStore::sweep) those whose time is over. Versions that were written by other hands say nothing of
//! earlier ones: these stay until OpenBao's own limit removes them, or Keyward writes the next version.
//!
//! *Sealing.* With `seal`, a value leaves Keyward only sealed, bound to service, key, owner and version.

mod folder;
mod list;
mod secret;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use keyward_core::clock::{Clock, Timestamp};
use keyward_core::secret::Secret;
use keyward_storage::Database;
use serde::Deserialize;

use super::sql::SqlStore;
use super::{Expected, NewToken, OpenedToken, StoreFuture, TokenEntry, TokenStore, VersionEntry};
use crate::error::VaultError;
use crate::key::ring::KeyRing;
use crate::name::TokenName;
use crate::openbao::{OpenBao, OpenBaoConfig, OpenBaoError};
use crate::seal::{Place, Sealed};
use folder::Folder;
pub use secret::rewritten;
use secret::{Facts, Read, Value};

const NAME: &str = "openbao";

/// Where in OpenBao the tokens are.
#[derive(Clone, Debug)]
pub struct OpenBaoStoreConfig {
    /// The server, and how Keyward logs in.
    pub server: OpenBaoConfig,
    /// The mount of a secrets engine KV, version 2.
    pub mount: String,
    /// The folder in it.
    pub prefix: String,
    /// Whether Keyward seals values before they leave.
    pub seal: bool,
}

/// The secrets below one folder of one mount.
#[derive(Clone)]
pub(crate) struct OpenBaoStore {
    api: OpenBao,
    folder: Folder,
    seal: bool,
    ring: Arc<KeyRing>,
    db: Database,
    clock: Clock,
}

/// One version as KV v2 gives it; without data when it was deleted or destroyed.
#[derive(Deserialize)]
struct Version {
    data: Option<Read>,
    metadata: VersionMetadata,
}

#[derive(Deserialize)]
struct VersionMetadata {
    version: i64,
    created_time: Timestamp,
}

/// All versions as KV v2 tells of them.
#[derive(Deserialize)]
struct Metadata {
    created_time: Timestamp,
    versions: BTreeMap<i64, VersionState>,
}

#[derive(Deserialize)]
struct VersionState {
    created_time: Timestamp,
    destroyed: bool,
}

/// A version that is there, its value not looked at yet.
struct Found {
    version: i64,
    created_at: Timestamp,
    value: Result<Value, &'static str>,
    facts: Facts,
}

impl Version {
    fn there(self) -> Option<Found> {
        let VersionMetadata { version, created_time } = self.metadata;
        let (value, facts) = self.data?.parts();
        Some(Found { version, created_at: created_time, value, facts })
    }
}

impl OpenBaoStore {
    /// Keys, clock and the news of changes are those of `sql`.
    pub(crate) fn new(config: OpenBaoStoreConfig, sql: &SqlStore) -> Self {
        let (db, ring, clock) = sql.parts();
        let folder = Folder::new(&config.mount, &config.prefix);
        Self { api: OpenBao::new(config.server), folder, seal: config.seal, ring, db, clock }
    }

    async fn find(&self, name: &TokenName) -> Result<Option<Found>, VaultError> {
        let found: Option<Version> = self.api.read(&self.folder.of("data", name)).await?;
        Ok(found.and_then(Version::there))
    }

    async fn metadata(&self, name: &TokenName) -> Result<Option<Metadata>, VaultError> {
        Ok(self.api.read(&self.folder.of("metadata", name)).await?)
    }

    async fn open(&self, name: &TokenName, found: Found) -> Result<OpenedToken, VaultError> {
        let Found { version, value, facts, .. } = found;
        let value = self.open_value(name, version, value).await?;
        Ok(OpenedToken { value, version, expires_at: facts.expires_at })
    }

    /// With `seal` only sealed values are taken: who can write to OpenBao could else put a token of their own in the place
    /// of another.
    async fn open_value(
        &self,
        name: &TokenName,
        version: i64,
        value: Result<Value, &'static str>,
    ) -> Result<Secret, VaultError> {
        match value {
            Ok(Value::Plain(_)) if self.seal => Err(OpenBaoError::NotSealed(name.clone()).into()),
            Ok(Value::Plain(value)) => Ok(value),
            Ok(Value::Sealed(bytes)) => {
                let place = place(name, version);
                let sealed = Sealed::from_bytes(&bytes);
                let sealed = sealed.map_err(|_| VaultError::cannot_open(&place, "that is not named"))?;
                self.ring.open_sealed(&place, &sealed).await
            }
            Err(why) => Err(OpenBaoError::NoValue { name: name.clone(), why }.into()),
        }
    }

    async fn read(&self, name: &TokenName) -> Result<Option<OpenedToken>, VaultError> {
        match self.find(name).await? {
            Some(found) => self.open(name, found).await.map(Some),
            None => Ok(None),
        }
    }

    /// The earlier versions that are usable now, the newest first.
    fn usable(&self, facts: &Facts) -> Vec<(i64, Timestamp)> {
        let now = self.clock.now();
        let usable = facts.earlier.iter().rev().filter(|(_, until)| now < **until);
        usable.map(|(version, until)| (*version, *until)).collect()
    }

    async fn read_earlier(&self, name: &TokenName) -> Result<Option<OpenedToken>, VaultError> {
        let Some(current) = self.find(name).await? else { return Ok(None) };
        let usable = self.usable(&current.facts).into_iter().find(|(version, _)| *version < current.version);
        let Some((version, _)) = usable else { return Ok(None) };
        let found: Option<Version> = self.api.read_version(&self.folder.of("data", name), version).await?;
        match found.and_then(Version::there) {
            Some(found) => self.open(name, found).await.map(Some),
            None => Ok(None),
        }
    }

    async fn read_versions(&self, name: &TokenName) -> Result<Vec<VersionEntry>, VaultError> {
        let Some(current) = self.find(name).await? else { return Ok(Vec::new()) };
        let usable = self.usable(&current.facts);
        let known = match usable.is_empty() {
            true => None,
            false => self.metadata(name).await?,
        };
        let mut versions = vec![VersionEntry {
            version: current.version,
            current: true,
            created_at: Some(current.created_at),
            usable_until: None,
        }];
        for (version, until) in usable {
            let state = known.as_ref().and_then(|known| known.versions.get(&version));
            versions.extend(state.filter(|state| !state.destroyed).map(|state| VersionEntry {
                version,
                current: false,
                created_at: Some(state.created_time),
                usable_until: Some(until),
            }));
        }
        Ok(versions)
    }
}

fn place(name: &TokenName, version: i64) -> Place {
    Place::version_elsewhere(NAME, name, version)
}

impl TokenStore for OpenBaoStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn get<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<OpenedToken>> {
        Box::pin(self.read(name))
    }

    fn put<'a>(&'a self, name: &'a TokenName, token: &'a NewToken, expected: Expected) -> StoreFuture<'a, i64> {
        Box::pin(self.write(name, token, expected))
    }

    fn list(&self) -> StoreFuture<'_, Vec<TokenEntry>> {
        Box::pin(self.all())
    }

    fn delete<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, bool> {
        Box::pin(self.remove(name))
    }

    fn versions<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Vec<VersionEntry>> {
        Box::pin(self.read_versions(name))
    }

    fn earlier<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<OpenedToken>> {
        Box::pin(self.read_earlier(name))
    }

    fn entry<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<TokenEntry>> {
        Box::pin(self.entry(name.clone()))
    }

    fn sweep(&self) -> StoreFuture<'_, u64> {
        Box::pin(self.destroy_ended())
    }
}

#[cfg(test)]
mod tests;
