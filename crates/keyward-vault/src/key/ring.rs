//! The data keys: which there are, which one seals, and how often it has.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_storage::Database;
use keyward_storage::audit::AuditLog;
use keyward_storage::data_keys::{self, DataKeyRow, DataKeyState};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::RootKey;
use crate::error::VaultError;
use crate::seal::{KEY_LEN, KeyId, Place, SealFailed, Sealed, SealingKey};

/// How often a data key seals before another takes its place: half of what NIST SP 800-38D §8.3 allows for random IVs.
pub(crate) const SEAL_LIMIT: i64 = 1 << 31;
/// Seals are counted in the database before they are done, this many at a time: a crash then counts too many, never too few.
const BLOCK: i64 = 256;
/// How often sealing looks for a usable key. Every round but the last fails only when another process was quicker.
const ROUNDS: usize = 8;

/// All data keys that still open something, unwrapped, and the one that seals.
pub(crate) struct KeyRing {
    db: Database,
    root: RootKey,
    clock: Clock,
    random: Random,
    audit: AuditLog,
    keys: ArcSwap<Keys>,
    refilling: Mutex<()>,
    limit: i64,
}

#[derive(Default)]
struct Keys {
    by_id: HashMap<KeyId, SealingKey>,
    active: Option<Active>,
}

struct Active {
    id: KeyId,
    /// Seals that are counted and not done yet.
    left: AtomicI64,
}

impl KeyRing {
    /// Unwraps the stored data keys; makes the first when there is none. No key seals more often than `limit`.
    pub(crate) async fn open(
        db: Database,
        root: RootKey,
        clock: Clock,
        random: Random,
        audit: AuditLog,
        limit: i64,
    ) -> Result<Self, VaultError> {
        let keys = ArcSwap::from_pointee(Keys::default());
        let ring = Self { db, root, clock, random, audit, keys, refilling: Mutex::new(()), limit };
        ring.reload().await?;
        if ring.keys.load().active.is_none() {
            ring.make_key().await?;
        }
        Ok(ring)
    }

    pub(crate) fn root(&self) -> &RootKey {
        &self.root
    }

    /// Seals `plain` for `place` under the active key.
    pub(crate) async fn seal(&self, place: &Place, plain: &[u8]) -> Result<Sealed, VaultError> {
        for _ in 0..ROUNDS {
            let keys = self.keys.load_full();
            if let Some(active) = keys.active.as_ref().filter(|active| active.take())
                && let Some(key) = keys.by_id.get(&active.id)
            {
                let (iv, tag, ciphertext) = key.seal(&self.random, &place.additional_data(&active.id), plain)?;
                return Ok(Sealed { key_id: active.id.clone(), iv, tag, ciphertext });
            }
            self.refill().await?;
        }
        Err(VaultError::NoDataKey)
    }

    /// Opens `sealed` if it was sealed for `place`. A key that is not known yet may be another process's newest, so the
    /// database is asked once.
    pub(crate) async fn open_sealed(&self, place: &Place, sealed: &Sealed) -> Result<Secret, VaultError> {
        if !self.keys.load().by_id.contains_key(&sealed.key_id) {
            self.reload().await?;
        }
        let keys = self.keys.load();
        keys.by_id
            .get(&sealed.key_id)
            .and_then(|key| {
                key.open(&place.additional_data(&sealed.key_id), sealed.iv, &sealed.tag, &sealed.ciphertext)
            })
            .ok_or_else(|| VaultError::cannot_open(place, sealed.key_id.as_str()))
    }

    /// Counts another block of seals, under the active key or a new one.
    async fn refill(&self) -> Result<(), VaultError> {
        let _one_at_a_time = self.refilling.lock().await;
        let keys = self.keys.load_full();
        if let Some(active) = &keys.active {
            if active.left.load(Ordering::Relaxed) > 0 {
                return Ok(());
            }
            if data_keys::reserve(&self.db, active.id.as_str(), BLOCK, self.limit).await? {
                active.left.store(BLOCK, Ordering::Relaxed);
                return Ok(());
            }
        }
        self.make_key().await
    }

    /// Makes a new active key, unless another process has just done so.
    async fn make_key(&self) -> Result<(), VaultError> {
        let id = KeyId::from_bytes(self.random.bytes().map_err(SealFailed::from)?);
        let mut plain = Zeroizing::new([0; KEY_LEN]);
        self.random.fill(&mut *plain).map_err(SealFailed::from)?;
        let row = DataKeyRow {
            key_id: id.as_str().to_owned(),
            state: DataKeyState::Active,
            wrapped_key: self.root.wrap(&plain, &id, &self.random)?,
            wrapped_by: self.root.id().as_str().to_owned(),
            created_at: self.clock.now(),
            sealed_count: 0,
        };
        let mut transaction = self.db.begin("make a data key").await?;
        transaction.lock("data_keys").await?;
        let stored = data_keys::all_in(&mut transaction).await?;
        self.check_root(&stored)?;
        let active: Vec<_> = stored.iter().filter(|row| row.state == DataKeyState::Active).collect();
        if active.iter().any(|row| row.sealed_count <= self.limit - BLOCK) {
            drop(transaction);
            return self.reload().await;
        }
        for used_up in active {
            data_keys::set_state(&mut transaction, &used_up.key_id, DataKeyState::DecryptOnly).await?;
        }
        data_keys::insert(&mut transaction, &row).await?;
        let mut event = AuditEvent::new(self.clock.now(), Action::KeyCreate, AuditResult::Ok);
        event.detail = Some(serde_json::json!({ "key_id": row.key_id, "wrapped_by": row.wrapped_by }).to_string());
        self.audit.commit_together(transaction, &[event]).await?;
        self.reload().await
    }

    /// Unwraps what is stored now. Nothing changes when a key does not unwrap.
    async fn reload(&self) -> Result<(), VaultError> {
        let rows = data_keys::all(&self.db).await?;
        self.check_root(&rows)?;
        let mut keys = Keys::default();
        for row in rows.iter().filter(|row| row.state != DataKeyState::Retired) {
            let damaged = || VaultError::DataKeyDamaged { key_id: row.key_id.escape_debug().to_string() };
            let id: KeyId = row.key_id.parse().map_err(|_| damaged())?;
            let key = self.root.unwrap(&row.wrapped_key, &id).ok_or_else(damaged)?;
            if row.state == DataKeyState::Active {
                let before = self.keys.load();
                let same = before.active.as_ref().filter(|active| active.id == id);
                let left = same.map_or(0, |active| active.left.swap(0, Ordering::Relaxed));
                keys.active = Some(Active { id: id.clone(), left: AtomicI64::new(left) });
            }
            keys.by_id.insert(id, key);
        }
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    fn check_root(&self, rows: &[DataKeyRow]) -> Result<(), VaultError> {
        let ours = self.root.id().as_str();
        match rows.iter().find(|row| row.state != DataKeyState::Retired && row.wrapped_by != ours) {
            None => Ok(()),
            Some(row) => Err(VaultError::WrongRootKey {
                expected: row.wrapped_by.escape_debug().to_string(),
                found: self.root.id().clone(),
                origin: self.root.origin().to_owned(),
            }),
        }
    }
}

impl Active {
    /// Takes one of the counted seals.
    fn take(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| (left > 0).then(|| left - 1)).is_ok()
    }
}

#[cfg(test)]
mod tests;
