//! The data keys in a recovery file, and back from it when what wrapped them is lost.

use std::collections::{BTreeMap, BTreeSet};

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::random::Random;
use keyward_storage::audit::AuditLog;
use keyward_storage::data_keys::{self, DataKeyRow, DataKeyState};
use keyward_storage::sealed_rows::{self, SealedRow};
use keyward_storage::{Database, Lock, Topic};

use super::Vault;
use super::rewrap::{exchange_in, wrap_and_check};
use super::rotate::{keys_lock, sealed_of};
use crate::error::VaultError;
use crate::key::recovery::{Recipient, Recovery};
use crate::key::ring::{LOCK, unwrap_row};
use crate::key::{KeyWrapper, RootKey};
use crate::seal::{KeyId, Place, SealFailed, SealingKey};

/// Rows that are read at once.
const BATCH: i64 = 256;

impl Vault {
    /// Every data key, also those that are retired, and the root key where this process knows it, in a file of age for
    /// `recipients`. It is given only when the record of it is on disk.
    pub async fn export_recovery(&self, recipients: &[Recipient]) -> Result<(Vec<u8>, usize), VaultError> {
        let lock = self.keys_lock().await?;
        let done = self.recovery_of_all(recipients).await;
        drop(lock);
        let (result, mut detail) = match &done {
            Ok((_, keys)) => (AuditResult::Ok, serde_json::json!({ "keys": keys })),
            Err(error) => (AuditResult::Failed, serde_json::json!({ "reason": error.to_string() })),
        };
        let recipients: Vec<_> = recipients.iter().map(ToString::to_string).collect();
        detail["recipients"] = recipients.join(" ").into();
        let event = self.keys_event(Action::KeyExport, result, &detail);
        let recorded = self.0.audit.record_durably(event).await;
        let done = done?;
        recorded.map_err(|_| VaultError::NotRecordable)?;
        Ok(done)
    }

    async fn recovery_of_all(&self, recipients: &[Recipient]) -> Result<(Vec<u8>, usize), VaultError> {
        let wrapper = self.0.ring.wrapper();
        let mut keys = BTreeMap::new();
        for row in data_keys::all(&self.0.db).await? {
            let (id, key) = unwrap_row(&**wrapper, &row).await?;
            keys.insert(id, key);
        }
        let root_key = wrapper.root_key().map(RootKey::copy);
        let recovery = Recovery::new(keys, root_key.transpose()?);
        Ok((recovery.seal(recipients, &self.0.random)?, recovery.len()))
    }
}

/// A recovery file whose keys are those of a database, of which nothing was changed yet. Meanwhile no other process changes
/// the data keys.
pub struct Matched {
    db: Database,
    recovery: Recovery,
    rows: Vec<DataKeyRow>,
    unproven: BTreeSet<String>,
    _lock: Lock,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What wraps the data keys now.
    pub root_key: String,
    /// How many data keys there are.
    pub keys: usize,
    /// Those of which nothing in the database could prove that they are the right ones. None of them seals any more.
    pub unproven: Vec<String>,
}

impl Matched {
    /// Compares `recovery` with `db`, which needs no root key. Refuses when a data key is missing, or when rows name it and none of
    /// them opens; the latter only unless `damaged` says that these rows are known to be damaged.
    pub async fn new(db: &Database, recovery: Recovery, damaged: bool) -> Result<Self, VaultError> {
        let lock = keys_lock(db).await?;
        let rows = data_keys::all(db).await?;
        let mut keys = BTreeMap::new();
        let mut lacking = Vec::new();
        for row in &rows {
            let key = row.key_id.parse::<KeyId>().ok().and_then(|id| recovery.data_key(&id));
            match key {
                Some(key) => drop(keys.insert(row.key_id.as_str(), key.schedule().ok_or(SealFailed::Cipher)?)),
                None => lacking.push(row.key_id.escape_debug().to_string()),
            }
        }
        if !lacking.is_empty() {
            return Err(VaultError::RecoveryLacks { keys: lacking });
        }
        let named = sealed_rows::counts(db).await?;
        let proven = proven(db, &keys, &named).await?;
        let unproven: BTreeSet<String> =
            rows.iter().map(|row| row.key_id.clone()).filter(|id| !proven.contains(id)).collect();
        let wrong: Vec<_> = unproven.iter().filter(|id| named.contains_key(*id)).cloned().collect();
        if !wrong.is_empty() && !damaged {
            return Err(VaultError::RecoveryOpensNothing { keys: wrong });
        }
        Ok(Self { db: db.clone(), recovery, rows, unproven, _lock: lock })
    }

    /// The root key of the time the file was made, where it has that.
    pub fn root_key(&self) -> Option<&RootKey> {
        self.recovery.root_key()
    }

    /// How many data keys there are to restore.
    pub fn keys(&self) -> usize {
        self.rows.len()
    }

    /// Wraps all of them with `root` in one transaction, which holds the record of it too. Whoever can name the recipient can
    /// forge a recovery file; so a key that nothing proves seals no more, and the next one is made by the cabinet itself.
    pub async fn restore(
        self,
        root: &dyn KeyWrapper,
        random: &Random,
        audit: &AuditLog,
    ) -> Result<Restored, VaultError> {
        let done = self.exchange(root, random, audit).await;
        let unproven = self.unproven.into_iter().collect::<Vec<_>>();
        match done {
            Ok(()) => Ok(Restored { root_key: root.id().to_owned(), keys: self.rows.len(), unproven }),
            Err(error) => {
                let detail = serde_json::json!({ "to": root.id(), "reason": error.to_string() });
                audit.record(event(&self.db, AuditResult::Failed, &detail));
                Err(error)
            }
        }
    }

    async fn exchange(&self, root: &dyn KeyWrapper, random: &Random, audit: &AuditLog) -> Result<(), VaultError> {
        let mut wrapped = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let lacks = || VaultError::RecoveryLacks { keys: vec![row.key_id.clone()] };
            let id: KeyId = row.key_id.parse().map_err(|_| lacks())?;
            let key = self.recovery.data_key(&id).ok_or_else(lacks)?;
            wrapped.push(wrap_and_check(root, &id, key, random).await?);
        }
        let mut transaction = self.db.begin("restore data keys").await?;
        transaction.lock(LOCK).await?;
        if !exchange_in(&mut transaction, &self.rows, &wrapped, root.id()).await? {
            return Err(VaultError::KeysChanged);
        }
        for row in &self.rows {
            if row.state == DataKeyState::Active && self.unproven.contains(&row.key_id) {
                data_keys::set_state(&mut transaction, &row.key_id, DataKeyState::DecryptOnly).await?;
            }
        }
        transaction.notify(Topic::DataKeys).await?;
        let unproven: Vec<&str> = self.unproven.iter().map(String::as_str).collect();
        let detail = serde_json::json!({ "to": root.id(), "keys": self.rows.len(), "unproven": unproven.join(" ") });
        audit.commit_together(transaction, &[event(&self.db, AuditResult::Ok, &detail)]).await?;
        Ok(())
    }
}

impl std::fmt::Debug for Matched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Matched({:?})", self.recovery)
    }
}

fn event(db: &Database, result: AuditResult, detail: &serde_json::Value) -> AuditEvent {
    let mut event = AuditEvent::new(db.clock().now(), Action::KeyRestore, result);
    event.detail = Some(detail.to_string());
    event
}

/// The keys with which at least one row opens. Ends as soon as that is known of all that rows name.
async fn proven(
    db: &Database,
    keys: &BTreeMap<&str, SealingKey>,
    named: &BTreeMap<String, u64>,
) -> Result<BTreeSet<String>, VaultError> {
    let mut proven = BTreeSet::new();
    let wanted = keys.keys().filter(|id| named.contains_key(**id)).count();
    for table in sealed_rows::TABLES {
        let mut after = None;
        while proven.len() < wanted {
            // No data key has an empty id.
            let rows = sealed_rows::walk(db, table, "", after.as_ref(), BATCH).await?;
            for row in &rows {
                let id = row.sealed.key_id.as_str();
                if !proven.contains(id) && keys.get(id).is_some_and(|key| opens(key, row)) {
                    proven.insert(id.to_owned());
                }
            }
            after = rows.into_iter().next_back();
            if after.is_none() {
                break;
            }
        }
    }
    Ok(proven)
}

fn opens(key: &SealingKey, row: &SealedRow) -> bool {
    let (Some(place), Some(sealed)) = (Place::of_row(row.place.clone()), sealed_of(&row.sealed)) else {
        return false;
    };
    key.open(&place.additional_data(&sealed.key_id), sealed.iv, &sealed.tag, &sealed.ciphertext).is_some()
}
