//! The data keys: which there are, which one seals, and how often it has.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_storage::audit::AuditLog;
use keyward_storage::data_keys::{self, DataKeyRow, DataKeyState};
use keyward_storage::{Database, Topic};
use tokio::sync::Mutex;

use super::{DataKey, KeyWrapper, WrapError};
use crate::error::VaultError;
use crate::seal::{IV_LEN, KeyId, Place, SealFailed, Sealed, SealingKey, TAG_LEN};

/// How often a data key seals before another takes its place: half of what NIST SP 800-38D §8.3 allows for random IVs.
pub(crate) const SEAL_LIMIT: i64 = 1 << 31;
/// Seals are counted in the database before they are done, this many at a time: a crash then counts too many, never too few.
const BLOCK: i64 = 256;
/// The most that are counted at once: some tens of thousands of crashes cost a key no more than a part of its limit.
const LARGEST_BLOCK: i64 = 1 << 15;
/// The lock under which keys are made, retired and wrapped anew.
pub(crate) const LOCK: &str = "data_keys";
/// How often sealing looks for a usable key. Every round but the last fails only when another process was quicker.
const ROUNDS: usize = 8;

/// All data keys that still open something, unwrapped, and the one that seals.
pub(crate) struct KeyRing {
    db: Database,
    wrapper: Arc<dyn KeyWrapper>,
    clock: Clock,
    random: Random,
    audit: AuditLog,
    keys: ArcSwap<Keys>,
    refilling: Mutex<()>,
    reloading: Mutex<()>,
    limit: i64,
}

#[derive(Clone, Default)]
struct Keys {
    by_id: HashMap<KeyId, Arc<SealingKey>>,
    active: Option<Arc<Active>>,
}

struct Active {
    id: KeyId,
    /// Beside the map, since nearly all that is sealed and opened is under this one.
    key: Arc<SealingKey>,
    /// Seals that are counted and not done yet.
    left: AtomicI64,
    /// How many are counted next.
    block: AtomicI64,
}

impl KeyRing {
    /// Unwraps the stored data keys; makes the first when there is none. A key that has sealed `limit` times is replaced.
    pub(crate) async fn open(
        db: Database,
        wrapper: Arc<dyn KeyWrapper>,
        clock: Clock,
        random: Random,
        audit: AuditLog,
        limit: i64,
    ) -> Result<Self, VaultError> {
        let keys = ArcSwap::from_pointee(Keys::default());
        let (refilling, reloading) = (Mutex::new(()), Mutex::new(()));
        let ring = Self { db, wrapper, clock, random, audit, keys, refilling, reloading, limit };
        ring.reload().await?;
        if ring.keys.load().active.is_none() {
            ring.make_key(Wanted::Usable).await?;
        }
        Ok(ring)
    }

    /// What wraps the data keys.
    pub(crate) fn wrapper(&self) -> &Arc<dyn KeyWrapper> {
        &self.wrapper
    }

    /// The key that seals, as far as this process knows.
    pub(crate) fn active_id(&self) -> Option<KeyId> {
        self.keys.load().active.as_ref().map(|active| active.id)
    }

    /// Seals `plain` for `place` under the active key.
    pub(crate) async fn seal(&self, place: &Place, plain: &[u8]) -> Result<Sealed, VaultError> {
        for _ in 0..ROUNDS {
            if let Some(active) = self.keys.load().active.as_ref().filter(|active| active.take()) {
                let (iv, tag, ciphertext) = active.key.seal(&self.random, &place.additional_data(&active.id), plain)?;
                return Ok(Sealed { key_id: active.id, iv, tag, ciphertext });
            }
            self.refill().await?;
        }
        Err(VaultError::NoDataKey)
    }

    /// Opens `sealed` if it was sealed for `place`. A key that is not known yet may be another process's newest, so the
    /// database is asked once.
    pub(crate) async fn open_sealed(&self, place: &Place, sealed: &Sealed) -> Result<Secret, VaultError> {
        let key = match self.known(&sealed.key_id) {
            Some(key) => Some(key),
            // Apart, since it is rare and its future large.
            None => Box::pin(self.look_up(&sealed.key_id)).await?,
        };
        key.and_then(|key| key.open(&place.additional_data(&sealed.key_id), sealed.iv, &sealed.tag, &sealed.ciphertext))
            .ok_or_else(|| VaultError::cannot_open(place, sealed.key_id.as_str()))
    }

    /// The same of a value where it lies, at once: `None` when its key is not known here.
    pub(crate) fn open_known(
        &self,
        place: &Place,
        (key_id, iv, tag, ciphertext): (&KeyId, [u8; IV_LEN], [u8; TAG_LEN], &[u8]),
    ) -> Option<Result<Secret, VaultError>> {
        let opened = self.known(key_id)?.open(&place.additional_data(key_id), iv, &tag, ciphertext);
        Some(opened.ok_or_else(|| VaultError::cannot_open(place, key_id.as_str())))
    }

    fn known(&self, id: &KeyId) -> Option<Arc<SealingKey>> {
        let keys = self.keys.load();
        match &keys.active {
            Some(active) if active.id == *id => Some(active.key.clone()),
            _ => keys.by_id.get(id).cloned(),
        }
    }

    async fn look_up(&self, id: &KeyId) -> Result<Option<Arc<SealingKey>>, VaultError> {
        self.reload().await?;
        match self.known(id) {
            Some(key) => Ok(Some(key)),
            None => self.recall(id).await,
        }
    }

    /// A key that was retired, for a row that a process wrote which had not heard of it.
    async fn recall(&self, id: &KeyId) -> Result<Option<Arc<SealingKey>>, VaultError> {
        let rows = data_keys::all(&self.db).await?;
        let Some(row) = rows.iter().find(|row| row.key_id == id.as_str()) else {
            return Ok(None);
        };
        let key = Arc::new(unwrap_row(&*self.wrapper, row).await?.1.schedule().ok_or(SealFailed::Cipher)?);
        self.keys.rcu(|keys| {
            let mut keys = Keys::clone(keys);
            keys.by_id.insert(*id, key.clone());
            keys
        });
        Ok(Some(key))
    }

    /// Counts another block of seals, under the active key or a new one.
    async fn refill(&self) -> Result<(), VaultError> {
        let _one_at_a_time = self.refilling.lock().await;
        let keys = self.keys.load_full();
        if let Some(active) = &keys.active
            && (active.left.load(Ordering::Relaxed) > 0 || self.reserve(active, self.limit).await?)
        {
            return Ok(());
        }
        match (self.make_key(Wanted::Usable).await, &keys.active) {
            // The limit is half of what may be sealed, so that there is time to bring the provider back.
            (Err(VaultError::KeyProvider(error @ WrapError::Unavailable { .. })), Some(active)) => {
                match self.reserve(active, self.limit.saturating_mul(2)).await? {
                    true => {
                        tracing::warn!(%error, key_id = %active.id, "a new data key is due and cannot be made; the present one goes on");
                        Ok(())
                    }
                    false => Err(error.into()),
                }
            }
            (done, _) => done,
        }
    }

    async fn reserve(&self, active: &Active, limit: i64) -> Result<bool, VaultError> {
        // A process that seals much counts more at once; near the limit it is few again.
        let block = active.block.load(Ordering::Relaxed);
        for block in [block, BLOCK] {
            if data_keys::reserve(&self.db, active.id.as_str(), block, limit).await? {
                active.left.store(block, Ordering::Relaxed);
                active.block.store((block * 2).min(LARGEST_BLOCK), Ordering::Relaxed);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes a new active key, unless another process has just made one that will do.
    pub(crate) async fn make_key(&self, wanted: Wanted) -> Result<(), VaultError> {
        let id = KeyId::from_bytes(self.random.bytes().map_err(SealFailed::from)?);
        let plain = DataKey::generate(&self.random).map_err(SealFailed::from)?;
        let row = DataKeyRow {
            key_id: id.as_str().to_owned(),
            state: DataKeyState::Active,
            wrapped_key: self.wrapper.wrap(&plain, &id, &self.random).await?,
            wrapped_by: self.wrapper.id().to_owned(),
            created_at: self.clock.now(),
            sealed_count: 0,
        };
        let mut transaction = self.db.begin("make a data key").await?;
        transaction.lock(LOCK).await?;
        let stored = data_keys::all_in(&mut transaction).await?;
        check_wrapper(&*self.wrapper, &stored)?;
        let active: Vec<_> = stored.iter().filter(|row| row.state == DataKeyState::Active).collect();
        if wanted == Wanted::Usable && active.iter().any(|row| row.sealed_count <= self.limit - BLOCK) {
            drop(transaction);
            return self.reload().await;
        }
        for before in active {
            data_keys::set_state(&mut transaction, &before.key_id, DataKeyState::DecryptOnly).await?;
        }
        data_keys::insert(&mut transaction, &row).await?;
        if wanted == Wanted::Rotation {
            data_keys::begin_rotation(&mut transaction, &row.key_id, row.created_at).await?;
        }
        transaction.notify(Topic::DataKeys).await?;
        let mut event = AuditEvent::new(row.created_at, Action::KeyCreate, AuditResult::Ok);
        event.detail = Some(serde_json::json!({ "key_id": row.key_id, "wrapped_by": row.wrapped_by }).to_string());
        self.audit.commit_together(transaction, &[event]).await?;
        self.reload().await
    }

    /// Takes in what is stored now: unwraps the keys that are new here. Nothing changes when one does not unwrap. What is
    /// unwrapped already stays so, also when it was wrapped anew by another provider.
    pub(crate) async fn reload(&self) -> Result<(), VaultError> {
        let _one_at_a_time = self.reloading.lock().await;
        let rows = data_keys::all(&self.db).await?;
        let before = self.keys.load_full();
        if before.by_id.is_empty() {
            check_wrapper(&*self.wrapper, &rows)?;
        }
        let mut keys = Keys::default();
        for row in rows.iter().filter(|row| row.state != DataKeyState::Retired) {
            let known = row.key_id.parse().ok().and_then(|id: KeyId| Some((before.by_id.get(&id)?.clone(), id)));
            let (key, id) = match known {
                Some(known) => known,
                None => {
                    let (id, key) = unwrap_row(&*self.wrapper, row).await?;
                    (Arc::new(key.schedule().ok_or(SealFailed::Cipher)?), id)
                }
            };
            if row.state == DataKeyState::Active {
                let same = before.active.clone().filter(|active| active.id == id);
                keys.active = Some(same.unwrap_or_else(|| Arc::new(Active::new(id, key.clone()))));
            }
            keys.by_id.insert(id, key);
        }
        self.keys.store(Arc::new(keys));
        Ok(())
    }
}

/// Which key [`KeyRing::make_key`] is to leave behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// One that may seal.
    Usable,
    /// One that was not there before; that a rotation has begun is noted with it.
    Rotation,
}

/// Unwraps the key of one row.
pub(crate) async fn unwrap_row(wrapper: &dyn KeyWrapper, row: &DataKeyRow) -> Result<(KeyId, DataKey), VaultError> {
    check_row(wrapper, row)?;
    let damaged = || VaultError::DataKeyDamaged { key_id: row.key_id.escape_debug().to_string() };
    let id: KeyId = row.key_id.parse().map_err(|_| damaged())?;
    match wrapper.unwrap(&row.wrapped_key, &id).await {
        Ok(key) => Ok((id, key)),
        Err(WrapError::Mismatch { .. }) => Err(damaged()),
        Err(other) => Err(other.into()),
    }
}

/// Refuses when one of the keys that are in use was wrapped by another provider.
fn check_wrapper(wrapper: &dyn KeyWrapper, rows: &[DataKeyRow]) -> Result<(), VaultError> {
    rows.iter().filter(|row| row.state != DataKeyState::Retired).try_for_each(|row| check_row(wrapper, row))
}

fn check_row(wrapper: &dyn KeyWrapper, row: &DataKeyRow) -> Result<(), VaultError> {
    if row.wrapped_by == wrapper.id() {
        return Ok(());
    }
    Err(VaultError::WrongRootKey {
        expected: row.wrapped_by.escape_debug().to_string(),
        found: wrapper.id().to_owned(),
        origin: wrapper.origin().to_owned(),
    })
}

impl Active {
    fn new(id: KeyId, key: Arc<SealingKey>) -> Self {
        Self { id, key, left: AtomicI64::new(0), block: AtomicI64::new(BLOCK) }
    }

    /// Takes one of the counted seals.
    fn take(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| (left > 0).then(|| left - 1)).is_ok()
    }
}

#[cfg(test)]
mod tests;
