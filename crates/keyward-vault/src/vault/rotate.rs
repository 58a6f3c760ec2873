//! A new data key in the place of the one before: made first, then every row sealed anew, one by one, while the cabinet
//! serves. Each step leaves the database whole, so that a rotation that is killed goes on with the next call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::secret::Secret;
use keyward_storage::data_keys::{self, DataKeyState};
use keyward_storage::sealed_rows::{self, SealedRow};
use keyward_storage::{Database, Lock, SealedColumns, Topic};

use super::Vault;
use crate::error::VaultError;
use crate::key::ring::{LOCK, Wanted};
use crate::seal::{Place, Sealed};

/// Rows that are sealed anew in one transaction: few enough that others hardly wait for it.
const BATCH: i64 = 64;
/// How often all tables are walked over. Only what others sealed meanwhile is left after the first time.
const PASSES: usize = 16;

/// How long to wait for the lock: the database may need a moment to see that a process is gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// How far a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Rows looked at.
    pub done: u64,
    /// Rows that were under another key when it began.
    pub total: u64,
}

/// What a rotation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The key that seals now.
    pub key_id: String,
    /// Whether it went on with a rotation that had been broken off.
    pub resumed: bool,
    /// How many rows it sealed anew.
    pub resealed: u64,
    /// The keys that seal nothing any more.
    pub retired: Vec<String>,
    /// What does not open with the key that it names, and was left as it is; the key is kept for it.
    pub unopened: Vec<String>,
}

impl Vault {
    /// Makes a new data key and seals every row anew with it. Goes on with a rotation that was broken off.
    pub async fn rotate_data_key(&self, mut progress: impl FnMut(Progress)) -> Result<Rotated, VaultError> {
        let lock = self.keys_lock().await?;
        self.0.ring.reload().await?;
        let resumed = data_keys::rotation(&self.0.db).await?.is_some();
        if !resumed {
            self.0.ring.make_key(Wanted::Rotation).await?;
        }
        let done = async {
            let (resealed, unopened) = self.reseal_all(&mut progress).await?;
            self.retire_unused(resumed, resealed, unopened).await
        };
        let done = done.await;
        drop(lock);
        if let Err(error) = &done {
            self.record_failure(Action::KeyRotate, &serde_json::json!({ "reason": error.to_string() }));
        }
        done
    }

    /// Held by whoever changes the data keys: one process at a time.
    pub(super) async fn keys_lock(&self) -> Result<Lock, VaultError> {
        keys_lock(&self.0.db).await
    }

    pub(super) fn keys_event(&self, action: Action, result: AuditResult, detail: &serde_json::Value) -> AuditEvent {
        let mut event = AuditEvent::new(self.0.clock.now(), action, result);
        event.detail = Some(detail.to_string());
        event
    }

    /// What was done has its record in its transaction; what was not done has one of its own.
    pub(super) fn record_failure(&self, action: Action, detail: &serde_json::Value) {
        self.0.audit.record(self.keys_event(action, AuditResult::Failed, detail));
    }

    async fn reseal_all(&self, progress: &mut impl FnMut(Progress)) -> Result<(u64, BTreeSet<String>), VaultError> {
        let counts = sealed_rows::counts(&self.0.db).await?;
        let mut resealed = 0;
        let mut unopened = BTreeSet::new();
        let mut at = Progress { done: 0, total: under_others(&counts, &self.active_key()?) };
        progress(at);
        for _ in 0..PASSES {
            let (mut moved, mut overtaken) = (0, 0);
            unopened.clear();
            for table in sealed_rows::TABLES {
                let mut after = None;
                loop {
                    let active = self.active_key()?;
                    let rows = sealed_rows::walk(&self.0.db, table, &active, after.as_ref(), BATCH).await?;
                    let Some(seen) = u64::try_from(rows.len()).ok().filter(|seen| *seen > 0) else {
                        break;
                    };
                    let batch = self.reseal(&rows, &mut unopened).await?;
                    (moved, overtaken) = (moved + batch.moved, overtaken + batch.overtaken);
                    at.done = (at.done + seen).min(at.total);
                    progress(at);
                    after = rows.into_iter().next_back();
                }
            }
            resealed += moved;
            if moved == 0 && overtaken == 0 {
                break;
            }
        }
        Ok((resealed, unopened))
    }

    /// Seals what these rows hold under the active key; a row that has changed meanwhile is left to whoever changed it.
    async fn reseal(&self, rows: &[SealedRow], unopened: &mut BTreeSet<String>) -> Result<Batch, VaultError> {
        // Sealed before the transaction begins: sealing may write to the database itself.
        let mut sealed = Vec::with_capacity(rows.len());
        for row in rows {
            match self.open_row(row).await {
                Ok((place, value)) => sealed.push((row, self.0.ring.seal(&place, value.expose_secret()).await?)),
                Err(error @ VaultError::CannotOpen { .. }) => drop(unopened.insert(error.to_string())),
                Err(other) => return Err(other),
            }
        }
        let mut batch = Batch { moved: 0, overtaken: 0 };
        if sealed.is_empty() {
            return Ok(batch);
        }
        let mut transaction = self.0.db.begin("seal rows anew").await?;
        for (row, sealed) in sealed {
            match sealed_rows::reseal(&mut transaction, row, &columns_of(sealed)).await? {
                true => batch.moved += 1,
                false => batch.overtaken += 1,
            }
        }
        transaction.commit().await?;
        Ok(batch)
    }

    /// Opens what a walk came across.
    pub(super) async fn open_row(&self, row: &SealedRow) -> Result<(Place, Secret), VaultError> {
        let no_place = || VaultError::CannotOpen {
            what: "a row that names no owner".to_owned(),
            key_id: row.sealed.key_id.escape_debug().to_string(),
        };
        let place = Place::of_row(row.place.clone()).ok_or_else(no_place)?;
        let sealed = sealed_of(&row.sealed).ok_or_else(|| VaultError::cannot_open(&place, &row.sealed.key_id))?;
        let value = self.0.ring.open_sealed(&place, &sealed).await?;
        Ok((place, value))
    }

    /// Marks the keys that seal nothing any more, and that the rotation is over.
    ///
    /// A retired key stays wrapped in its row: a process that has not heard of the rotation may still write a value that
    /// it sealed a moment ago. Such a row opens, and the next rotation takes it along.
    async fn retire_unused(
        &self,
        resumed: bool,
        resealed: u64,
        unopened: BTreeSet<String>,
    ) -> Result<Rotated, VaultError> {
        let mut transaction = self.0.db.begin("retire data keys").await?;
        transaction.lock(LOCK).await?;
        let counts = sealed_rows::counts_in(&mut transaction).await?;
        let mut retired = Vec::new();
        let mut active = None;
        for row in data_keys::all_in(&mut transaction).await? {
            match row.state {
                DataKeyState::Active => active = Some(row.key_id),
                DataKeyState::DecryptOnly if !counts.contains_key(&row.key_id) => {
                    data_keys::set_state(&mut transaction, &row.key_id, DataKeyState::Retired).await?;
                    retired.push(row.key_id);
                }
                _ => {}
            }
        }
        data_keys::end_rotation(&mut transaction).await?;
        transaction.notify(Topic::DataKeys).await?;
        let key_id = active.ok_or(VaultError::NoDataKey)?;
        let done = Rotated { key_id, resumed, resealed, retired, unopened: unopened.into_iter().collect() };
        let detail = serde_json::json!({
            "key_id": done.key_id,
            "resealed": done.resealed,
            "retired": done.retired.join(" "),
            "unopened": done.unopened.len(),
        });
        let event = self.keys_event(Action::KeyRotate, AuditResult::Ok, &detail);
        self.0.audit.commit_together(transaction, &[event]).await?;
        Ok(done)
    }

    fn active_key(&self) -> Result<String, VaultError> {
        self.0.ring.active_id().map(|id| id.as_str().to_owned()).ok_or(VaultError::NoDataKey)
    }
}

/// The same, of a database whose cabinet is not open.
pub(super) async fn keys_lock(db: &Database) -> Result<Lock, VaultError> {
    db.lock("change data keys", PATIENCE).await?.ok_or(VaultError::KeysBusy)
}

struct Batch {
    moved: u64,
    overtaken: u64,
}

fn under_others(counts: &BTreeMap<String, u64>, active: &str) -> u64 {
    counts.iter().filter(|(key_id, _)| *key_id != active).map(|(_, count)| count).sum()
}

fn columns_of(sealed: Sealed) -> SealedColumns {
    SealedColumns {
        iv: sealed.iv.to_vec(),
        tag: sealed.tag.to_vec(),
        key_id: sealed.key_id.as_str().to_owned(),
        ciphertext: sealed.ciphertext,
    }
}

/// `None` when a column has not the form that sealing gave it.
pub(super) fn sealed_of(columns: &SealedColumns) -> Option<Sealed> {
    Some(Sealed {
        key_id: columns.key_id.parse().ok()?,
        iv: columns.iv.as_slice().try_into().ok()?,
        tag: columns.tag.as_slice().try_into().ok()?,
        ciphertext: columns.ciphertext.clone(),
    })
}
