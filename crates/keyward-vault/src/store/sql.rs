//! Tokens as sealed rows of the database.

use std::sync::Arc;
use std::time::Duration;

use keyward_core::audit::AuditEvent;
use keyward_core::clock::{Clock, Timestamp};
use keyward_core::id::{UserId, uuid_v7};
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_storage::token_versions::{self, TokenVersionRow};
use keyward_storage::tokens::{self, SealedToken, TokenRow};
use keyward_storage::{Database, Topic, Transaction, audit};

use super::{Expected, NewToken, OpenedToken, StoreFuture, TokenEntry, TokenStore, VersionEntry};
use crate::error::VaultError;
use crate::key::ring::KeyRing;
use crate::name::TokenName;
use crate::seal::{IV_LEN, KeyId, Place, SealFailed, Sealed, TAG_LEN};
use crate::vault::detail;

const NAME: &str = "sql";
/// How often a write without an expectation is tried when others write the same token at the same moment.
const ROUNDS: usize = 16;

/// The table `tokens`.
#[derive(Clone)]
pub struct SqlStore {
    db: Database,
    ring: Arc<KeyRing>,
    clock: Clock,
    random: Random,
}

impl SqlStore {
    pub(crate) fn new(db: Database, ring: Arc<KeyRing>, clock: Clock, random: Random) -> Self {
        Self { db, ring, clock, random }
    }

    /// What a store elsewhere shares with this one.
    pub(crate) fn parts(&self) -> (Database, Arc<KeyRing>, Clock) {
        (self.db.clone(), self.ring.clone(), self.clock.clone())
    }

    pub(crate) fn database(&self) -> &Database {
        &self.db
    }

    async fn find(&self, name: &TokenName) -> Result<Option<TokenRow>, VaultError> {
        Ok(tokens::find(&self.db, name.service(), name.key(), &owner_text(name)).await?)
    }

    async fn read(&self, name: &TokenName) -> Result<Option<OpenedToken>, VaultError> {
        let open = |row: SealedToken<'_>| {
            let place = Place::token(name, row.version);
            let Some((key_id, iv, tag)) = form_of(row.key_id, row.iv, row.auth_tag) else {
                return Err(VaultError::cannot_open(&place, row.key_id));
            };
            let value = self.ring.open_known(&place, (&key_id, iv, tag, row.encrypted_value)).transpose()?;
            Ok(value.map(|value| OpenedToken { value, version: row.version, expires_at: row.expires_at }))
        };
        match tokens::find_sealed(&self.db, name.service(), name.key(), &owner_text(name), open).await?.transpose()? {
            None => Ok(None),
            Some(Some(token)) => Ok(Some(token)),
            Some(None) => Box::pin(self.read_under_unknown_key(name)).await,
        }
    }

    /// Of a row whose key this process does not know yet, or not any more.
    async fn read_under_unknown_key(&self, name: &TokenName) -> Result<Option<OpenedToken>, VaultError> {
        let Some(row) = self.find(name).await? else { return Ok(None) };
        let value = self.open(name, &row).await?;
        Ok(Some(OpenedToken { value, version: row.version, expires_at: row.expires_at }))
    }

    async fn open(&self, name: &TokenName, row: &TokenRow) -> Result<Secret, VaultError> {
        let place = Place::token(name, row.version);
        let sealed = sealed_of(&row.key_id, &row.iv, &row.auth_tag, row.encrypted_value.clone());
        let sealed = sealed.ok_or_else(|| VaultError::cannot_open(&place, &row.key_id))?;
        self.ring.open_sealed(&place, &sealed).await
    }

    async fn usable(&self, name: &TokenName) -> Result<Vec<TokenVersionRow>, VaultError> {
        let (owner, now) = (owner_text(name), self.clock.now());
        Ok(token_versions::usable(&self.db, name.service(), name.key(), &owner, now).await?)
    }

    async fn read_earlier(&self, name: &TokenName) -> Result<Option<OpenedToken>, VaultError> {
        let Some(row) = self.usable(name).await?.into_iter().next() else {
            return Ok(None);
        };
        let place = Place::earlier_token(name, row.version);
        let sealed = sealed_of(&row.key_id, &row.iv, &row.auth_tag, row.encrypted_value.clone());
        let sealed = sealed.ok_or_else(|| VaultError::cannot_open(&place, &row.key_id))?;
        let value = self.ring.open_sealed(&place, &sealed).await?;
        Ok(Some(OpenedToken { value, version: row.version, expires_at: None }))
    }

    async fn write(
        &self,
        name: &TokenName,
        token: &NewToken,
        expected: Expected,
        record: Option<&AuditEvent>,
    ) -> Result<i64, VaultError> {
        for _ in 0..ROUNDS {
            let current = self.find(name).await?;
            let found = current.as_ref().map(|row| row.version);
            if !expected.allows(found) {
                return Err(VaultError::Conflict { name: name.clone(), expected, found });
            }
            // Sealed before the transaction begins: sealing may write to the database itself.
            let before = self.sealed_before(name, token.grace, current.as_ref()).await?;
            let row = self.sealed_row(name, token, current).await?;
            let mut transaction = self.db.begin("put a token").await?;
            let written = match found {
                None => tokens::insert(&mut transaction, &row).await?,
                Some(version) => tokens::replace(&mut transaction, &row, version).await?,
            };
            if written {
                // No version outlives the one after it.
                token_versions::end_by(&mut transaction, row.id, row.updated_at.plus(token.grace)).await?;
                if let Some(before) = &before {
                    token_versions::insert(&mut transaction, before).await?;
                }
                // Those of other tokens go with a record of their own.
                token_versions::sweep_of(&mut transaction, row.id, row.updated_at).await?;
                transaction.notify(Topic::Tokens).await?;
                self.record(&mut transaction, record, name, Some(row.version)).await?;
                transaction.commit().await?;
                return Ok(row.version);
            }
        }
        let found = self.find(name).await?.map(|row| row.version);
        Err(VaultError::Conflict { name: name.clone(), expected, found })
    }

    /// What is kept of `current` for the grace: its value, sealed for the place of earlier versions. One that does not open
    /// is not kept, and does not stand in the way of a new one.
    async fn sealed_before(
        &self,
        name: &TokenName,
        grace: Duration,
        current: Option<&TokenRow>,
    ) -> Result<Option<TokenVersionRow>, VaultError> {
        let Some(row) = current.filter(|_| !grace.is_zero()) else {
            return Ok(None);
        };
        let value = match self.open(name, row).await {
            Ok(value) => value,
            Err(error @ VaultError::CannotOpen { .. }) => {
                tracing::warn!(%error, "the version before is not kept");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let sealed = self.ring.seal(&Place::earlier_token(name, row.version), value.expose_secret()).await?;
        Ok(Some(TokenVersionRow {
            token_id: row.id,
            version: row.version,
            encrypted_value: sealed.ciphertext,
            iv: sealed.iv.to_vec(),
            auth_tag: sealed.tag.to_vec(),
            key_id: sealed.key_id.as_str().to_owned(),
            created_at: row.updated_at,
            usable_until: self.clock.now().plus(grace),
        }))
    }

    /// The row that follows `current`.
    async fn sealed_row(
        &self,
        name: &TokenName,
        token: &NewToken,
        current: Option<TokenRow>,
    ) -> Result<TokenRow, VaultError> {
        let now = self.clock.now();
        let version = current.as_ref().map_or(1, |row| row.version.saturating_add(1));
        let sealed = self.ring.seal(&Place::token(name, version), token.value().expose_secret()).await?;
        let (id, created_at) = match current {
            Some(row) => (row.id, row.created_at),
            None => (uuid_v7(now, &self.random).map_err(SealFailed::from)?, now),
        };
        Ok(TokenRow {
            id,
            service_id: name.service().to_owned(),
            token_key: name.key().to_owned(),
            owner: owner_text(name),
            encrypted_value: sealed.ciphertext,
            iv: sealed.iv.to_vec(),
            auth_tag: sealed.tag.to_vec(),
            created_at,
            updated_at: now,
            version,
            key_id: sealed.key_id.as_str().to_owned(),
            kind: if name.is_own() { "own" } else { "static" }.to_owned(),
            expires_at: token.expires_at,
            metadata: serde_json::Value::from_iter(token.labels.clone()).to_string(),
        })
    }

    /// Appends the record of a change within its transaction: both stand, or neither does.
    async fn record(
        &self,
        transaction: &mut Transaction,
        record: Option<&AuditEvent>,
        name: &TokenName,
        version: Option<i64>,
    ) -> Result<(), VaultError> {
        let Some(record) = record else { return Ok(()) };
        let event = AuditEvent { detail: detail(name, Ok(version)), ..record.clone() };
        let appended = audit::append(transaction, &self.random, &[event]).await;
        appended.map_err(|error| {
            tracing::error!(%error, token = %name, "the audit log cannot be written");
            VaultError::NotRecordable
        })
    }

    async fn remove(&self, name: &TokenName, record: Option<&AuditEvent>) -> Result<bool, VaultError> {
        let mut transaction = self.db.begin("delete a token").await?;
        let deleted = tokens::delete(&mut transaction, name.service(), name.key(), &owner_text(name)).await?;
        if deleted {
            transaction.notify(Topic::Tokens).await?;
            self.record(&mut transaction, record, name, None).await?;
            transaction.commit().await?;
        }
        Ok(deleted)
    }
}

impl TokenStore for SqlStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn get<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<OpenedToken>> {
        Box::pin(self.read(name))
    }

    fn put<'a>(&'a self, name: &'a TokenName, token: &'a NewToken, expected: Expected) -> StoreFuture<'a, i64> {
        Box::pin(self.write(name, token, expected, None))
    }

    fn list(&self) -> StoreFuture<'_, Vec<TokenEntry>> {
        Box::pin(async {
            let mut entries: Vec<_> = tokens::list(&self.db).await?.into_iter().filter_map(entry).collect();
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(entries)
        })
    }

    fn delete<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, bool> {
        Box::pin(self.remove(name, None))
    }

    fn keeps_records(&self) -> bool {
        true
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

    fn delete_recorded<'a>(&'a self, name: &'a TokenName, record: &'a AuditEvent) -> StoreFuture<'a, bool> {
        Box::pin(self.remove(name, Some(record)))
    }

    fn versions<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Vec<VersionEntry>> {
        Box::pin(async {
            let Some(current) = self.find(name).await? else {
                return Ok(Vec::new());
            };
            let mut versions = vec![VersionEntry {
                version: current.version,
                current: true,
                created_at: Some(current.updated_at),
                usable_until: None,
            }];
            versions.extend(self.usable(name).await?.into_iter().map(|row| VersionEntry {
                version: row.version,
                current: false,
                created_at: Some(row.created_at),
                usable_until: Some(row.usable_until),
            }));
            Ok(versions)
        })
    }

    fn earlier<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<OpenedToken>> {
        Box::pin(self.read_earlier(name))
    }

    fn entry<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<TokenEntry>> {
        Box::pin(async { Ok(self.find(name).await?.and_then(entry)) })
    }

    fn expiring(&self, until: Timestamp) -> StoreFuture<'_, Vec<(TokenName, Timestamp)>> {
        Box::pin(async move {
            let rows = tokens::expiring(&self.db, until).await?;
            let named =
                |row: tokens::Expiring| Some((name_of(&row.service_id, &row.token_key, &row.owner)?, row.expires_at));
            Ok(rows.into_iter().filter_map(named).filter(|(name, _)| !name.is_own()).collect())
        })
    }

    fn sweep(&self) -> StoreFuture<'_, u64> {
        Box::pin(async {
            let mut transaction = self.db.begin("destroy earlier versions of tokens").await?;
            let destroyed = token_versions::sweep(&mut transaction, self.clock.now()).await?;
            if destroyed > 0 {
                transaction.notify(Topic::Tokens).await?;
                transaction.commit().await?;
            }
            Ok(destroyed)
        })
    }
}

fn owner_text(name: &TokenName) -> String {
    name.owner().map(|owner| owner.to_string()).unwrap_or_default()
}

/// `None` when a column has not the form that sealing gave it.
fn sealed_of(key_id: &str, iv: &[u8], tag: &[u8], ciphertext: Vec<u8>) -> Option<Sealed> {
    let (key_id, iv, tag) = form_of(key_id, iv, tag)?;
    Some(Sealed { key_id, iv, tag, ciphertext })
}

fn form_of(key_id: &str, iv: &[u8], tag: &[u8]) -> Option<(KeyId, [u8; IV_LEN], [u8; TAG_LEN])> {
    Some((key_id.parse().ok()?, iv.try_into().ok()?, tag.try_into().ok()?))
}

fn name_of(service: &str, key: &str, owner: &str) -> Option<TokenName> {
    let owner = if owner.is_empty() { None } else { Some(owner.parse::<UserId>().ok()?) };
    TokenName::from_parts(service, key, owner).ok()
}

/// `None` for Keyward's own secrets. A row whose name somebody has made unreadable is told of and does not hide the others.
fn entry(row: TokenRow) -> Option<TokenEntry> {
    let Some(name) = name_of(&row.service_id, &row.token_key, &row.owner) else {
        tracing::warn!(row = %row.id, "a row of the table tokens has a name that Keyward never wrote");
        return None;
    };
    (!name.is_own()).then_some(TokenEntry {
        name,
        version: row.version,
        store: NAME,
        key_id: Some(row.key_id),
        labels: serde_json::from_str(&row.metadata).unwrap_or_default(),
        created_at: Some(row.created_at),
        updated_at: Some(row.updated_at),
        expires_at: row.expires_at,
    })
}
