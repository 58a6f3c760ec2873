//! Several stores as one: the first that has a token answers.

use keyward_core::audit::AuditEvent;
use keyward_core::clock::Timestamp;

use super::{Expected, NewToken, OpenedToken, StoreFuture, TokenEntry, TokenStore, VersionEntry};
use crate::error::VaultError;
use crate::name::TokenName;

/// Stores in the order they are asked. A store that fails ends the search: what a later one has may be out of date.
pub struct ChainStore(Vec<Box<dyn TokenStore>>);

impl ChainStore {
    /// A chain of `stores`.
    pub fn new(stores: Vec<Box<dyn TokenStore>>) -> Self {
        Self(stores)
    }

    /// Into the first store that can be written, unless a read-only one before it has the token: what was written would
    /// never be read.
    async fn write(
        &self,
        name: &TokenName,
        token: &NewToken,
        expected: Expected,
        record: Option<&AuditEvent>,
    ) -> Result<i64, VaultError> {
        let mut refused = VaultError::NoStore;
        for store in &self.0 {
            let done = match record {
                Some(record) => store.put_recorded(name, token, expected, record).await,
                None => store.put(name, token, expected).await,
            };
            match done {
                Err(error @ VaultError::ReadOnly { .. }) => {
                    if store.get(name).await?.is_some() {
                        return Err(error);
                    }
                    refused = error;
                }
                done => return done,
            }
        }
        Err(refused)
    }

    /// From every store, so that no older value shows from behind; a read-only one that has the token says what to do.
    async fn remove(&self, name: &TokenName, record: Option<&AuditEvent>) -> Result<bool, VaultError> {
        let mut deleted = false;
        for store in &self.0 {
            deleted |= match record {
                Some(record) => store.delete_recorded(name, record).await?,
                None => store.delete(name).await?,
            };
        }
        Ok(deleted)
    }
}

impl TokenStore for ChainStore {
    fn name(&self) -> &'static str {
        "chain"
    }

    fn get<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<OpenedToken>> {
        // Nearly always there is one, and a read of SQLite is quick enough for what another future costs to show.
        if let [store] = &*self.0 {
            return store.get(name);
        }
        Box::pin(async move {
            for store in &self.0 {
                if let Some(token) = store.get(name).await? {
                    return Ok(Some(token));
                }
            }
            Ok(None)
        })
    }

    fn put<'a>(&'a self, name: &'a TokenName, token: &'a NewToken, expected: Expected) -> StoreFuture<'a, i64> {
        Box::pin(self.write(name, token, expected, None))
    }

    fn keeps_records(&self) -> bool {
        self.0.iter().all(|store| store.keeps_records())
    }

    fn put_recorded<'a>(
        &'a self,
        name: &'a TokenName,
        token: &'a NewToken,
        expected: Expected,
        record: &'a AuditEvent,
    ) -> StoreFuture<'a, i64> {
        Box::pin(self.write(name, token, expected, Some(record)))
    }

    fn list(&self) -> StoreFuture<'_, Vec<TokenEntry>> {
        Box::pin(async move {
            let mut all = Vec::new();
            for store in &self.0 {
                all.extend(store.list().await?);
            }
            // The sort is stable, so the first store that has a name keeps it.
            all.sort_by(|a, b| a.name.cmp(&b.name));
            all.dedup_by(|later, first| later.name == first.name);
            Ok(all)
        })
    }

    fn delete<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, bool> {
        Box::pin(self.remove(name, None))
    }

    fn delete_recorded<'a>(&'a self, name: &'a TokenName, record: &'a AuditEvent) -> StoreFuture<'a, bool> {
        Box::pin(self.remove(name, Some(record)))
    }

    fn versions<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Vec<VersionEntry>> {
        Box::pin(async move {
            for store in &self.0 {
                let versions = store.versions(name).await?;
                if !versions.is_empty() {
                    return Ok(versions);
                }
            }
            Ok(Vec::new())
        })
    }

    /// Of the store that has the token: another's earlier version is another token's.
    fn earlier<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<OpenedToken>> {
        Box::pin(async move {
            for store in &self.0 {
                if !store.versions(name).await?.is_empty() {
                    return store.earlier(name).await;
                }
            }
            Ok(None)
        })
    }

    fn entry<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<TokenEntry>> {
        Box::pin(async move {
            for store in &self.0 {
                if let Some(entry) = store.entry(name).await? {
                    return Ok(Some(entry));
                }
            }
            Ok(None)
        })
    }

    fn expiring(&self, until: Timestamp) -> StoreFuture<'_, Vec<(TokenName, Timestamp)>> {
        Box::pin(async move {
            let mut all = Vec::new();
            for store in &self.0 {
                for (name, end) in store.expiring(until).await? {
                    // Only of the store that answers for the token.
                    if self.entry(&name).await?.is_some_and(|entry| entry.expires_at == Some(end)) {
                        all.push((name, end));
                    }
                }
            }
            all.sort();
            all.dedup();
            Ok(all)
        })
    }

    /// In every store: one that fails does not keep ended versions of the others alive.
    fn sweep(&self) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let (mut destroyed, mut failure) = (0, None);
            for store in &self.0 {
                match store.sweep().await {
                    Ok(more) => destroyed += more,
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
            failure.map_or(Ok(destroyed), Err)
        })
    }
}
