//! Writing, deleting, destroying.

use std::collections::BTreeMap;

use keyward_core::clock::Timestamp;
use keyward_core::secret::Secret;
use keyward_storage::{StorageError, Topic};
use serde::{Deserialize, Serialize};

use super::secret::{Facts, Value, Written};
use super::{Found, OpenBaoStore, Version, place};
use crate::error::VaultError;
use crate::name::TokenName;
use crate::openbao::OpenBaoError;
use crate::store::{Expected, NewToken};

/// How often a write without an expectation is tried when others write the same token at the same moment.
const ROUNDS: usize = 16;

#[derive(Serialize)]
struct Put<'a> {
    data: Written<'a>,
    options: Options,
}

#[derive(Serialize)]
struct Options {
    cas: i64,
}

#[derive(Serialize)]
struct Destroy {
    versions: Vec<i64>,
}

/// What KV v2 says of the version that it has stored.
#[derive(Deserialize)]
struct Stored {
    version: i64,
}

impl OpenBaoStore {
    pub(super) async fn write(
        &self,
        name: &TokenName,
        token: &NewToken,
        expected: Expected,
    ) -> Result<i64, VaultError> {
        let path = self.folder.of("data", name);
        for _ in 0..ROUNDS {
            // One answer tells both what is there and which version to follow. What was deleted in OpenBao's own way is
            // absent, and still counts.
            let last: Option<Version> = self.api.read(&path).await?;
            let cas = last.as_ref().map_or(0, |last| last.metadata.version);
            let current = last.and_then(Version::there);
            let found = current.as_ref().map(|current| current.version);
            if !expected.allows(found) {
                return Err(VaultError::Conflict { name: name.clone(), expected, found });
            }
            let version = cas.saturating_add(1);
            let facts = self.facts(token, current);
            let value = self.value(name, version, token.value()).await?;
            let put = Put { data: Written::new(&value, &facts), options: Options { cas } };
            let stored: Option<Stored> = match self.api.write(&path, &put).await {
                Err(OpenBaoError::CheckAndSet) => continue,
                stored => stored?,
            };
            if stored.is_none_or(|stored| stored.version != version) {
                return Err(OpenBaoError::Unreadable { operation: "write", path }.into());
            }
            if let Err(error) = self.destroy_before(name, version, &facts.earlier).await {
                tracing::warn!(token = %name, %error, "earlier versions were not destroyed");
            }
            self.tell().await;
            return Ok(version);
        }
        let found = self.find(name).await?.map(|found| found.version);
        Err(VaultError::Conflict { name: name.clone(), expected, found })
    }

    async fn value(&self, name: &TokenName, version: i64, plain: &Secret) -> Result<Value, VaultError> {
        if self.seal {
            let sealed = self.ring.seal(&place(name, version), plain.expose_secret()).await?;
            return Ok(Value::Sealed(sealed.to_bytes()));
        }
        Ok(Value::Plain(Secret::new(plain.expose_secret().to_vec())))
    }

    /// No version outlives the one after it.
    fn facts(&self, token: &NewToken, current: Option<Found>) -> Facts {
        let until = self.clock.now().plus(token.grace);
        let mut earlier = BTreeMap::new();
        if let Some(current) = current.filter(|_| !token.grace.is_zero()) {
            let usable = self.usable(&current.facts);
            earlier.extend(usable.into_iter().map(|(version, ends)| (version, ends.min(until))));
            earlier.insert(current.version, until);
        }
        Facts { expires_at: token.expires_at, labels: token.labels.clone(), earlier }
    }

    pub(super) async fn remove(&self, name: &TokenName) -> Result<bool, VaultError> {
        let was_there = self.find(name).await?.is_some();
        self.api.delete(&self.folder.of("metadata", name)).await?;
        self.tell().await;
        Ok(was_there)
    }

    /// Tells all processes of Keyward, so that they ask again at once. Those that do not hear it see the change when what
    /// they know is not fresh any more.
    async fn tell(&self) {
        let told = async {
            let mut transaction = self.db.begin("tell of a changed token").await?;
            transaction.notify(Topic::Tokens).await?;
            transaction.commit().await
        };
        if let Err(error) = told.await {
            let error: StorageError = error;
            tracing::warn!(%error, "other processes were not told of a changed token");
        }
    }

    /// Destroys the versions before `version` that are not usable; how many there were.
    async fn destroy_before(
        &self,
        name: &TokenName,
        version: i64,
        usable: &BTreeMap<i64, Timestamp>,
    ) -> Result<u64, VaultError> {
        let Some(metadata) = self.metadata(name).await? else { return Ok(0) };
        let ended = |number: i64| number < version && !usable.contains_key(&number);
        let versions: Vec<i64> = metadata
            .versions
            .iter()
            .filter(|(number, state)| ended(**number) && !state.destroyed)
            .map(|(number, _)| *number)
            .collect();
        if versions.is_empty() {
            return Ok(0);
        }
        let destroyed = versions.len() as u64;
        let path = self.folder.of("destroy", name);
        self.api.write::<serde_json::Value>(&path, &Destroy { versions }).await?;
        Ok(destroyed)
    }

    /// Of every token whose current version says that an earlier one has ended.
    pub(super) async fn destroy_ended(&self) -> Result<u64, VaultError> {
        let mut destroyed = 0;
        for name in self.names().await? {
            let Some(current) = self.find(&name).await? else { continue };
            let usable: BTreeMap<_, _> = self.usable(&current.facts).into_iter().collect();
            if usable.len() < current.facts.earlier.len() {
                destroyed += self.destroy_before(&name, current.version, &usable).await?;
            }
        }
        Ok(destroyed)
    }
}
