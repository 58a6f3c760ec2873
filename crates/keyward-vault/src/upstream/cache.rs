//! Access tokens of people that were opened a short while ago.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use keyward_core::clock::Timestamp;
use keyward_core::id::UserId;
use quick_cache::sync::Cache;
use tokio::sync::Mutex;

use super::credential::GrantRule;
use crate::credential::Credential;

const CAPACITY: usize = 4096;
/// How long a token serves without a look at its row.
pub(super) const FRESH: Duration = Duration::from_secs(60);
/// How long it serves when the database cannot be reached.
const HARD_LIMIT: Duration = Duration::from_secs(600);

/// A bounded cache with one slot for each rule and person.
pub(super) struct GrantCache {
    slots: Cache<(GrantRule, UserId), Arc<Slot>>,
    generation: AtomicU64,
}

/// The access token of one person, as one rule has it.
#[derive(Default)]
pub(super) struct Slot {
    current: ArcSwapOption<Opened>,
    /// Held while the row is read, so that many calls at once read it once.
    pub(super) opening: Mutex<()>,
}

/// A token that was opened.
pub(super) struct Opened {
    pub(super) credential: Arc<Credential>,
    pub(super) at: Timestamp,
    /// When to look at the row again, if that is before [`FRESH`] ends.
    pub(super) look_again_at: Option<Timestamp>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) generation: u64,
}

impl GrantCache {
    pub(super) fn new() -> Self {
        Self { slots: Cache::new(CAPACITY), generation: AtomicU64::new(0) }
    }

    pub(super) fn fresh(&self, key: &(GrantRule, UserId), now: Timestamp) -> Option<Arc<Credential>> {
        let slot = self.slots.get(key)?;
        let opened = slot.current.load();
        let opened = opened.as_ref()?;
        let fresh = self.serves(opened, now, FRESH) && opened.look_again_at.is_none_or(|at| now < at);
        fresh.then(|| opened.credential.clone())
    }

    /// What serves when the row cannot be read.
    pub(super) fn last(&self, slot: &Slot, now: Timestamp) -> Option<Arc<Credential>> {
        let opened = slot.current.load();
        let opened = opened.as_ref()?;
        self.serves(opened, now, HARD_LIMIT).then(|| opened.credential.clone())
    }

    pub(super) fn slot(&self, key: &(GrantRule, UserId)) -> Arc<Slot> {
        match self.slots.get_or_insert_with(key, || Ok::<_, std::convert::Infallible>(Arc::new(Slot::default()))) {
            Ok(slot) => slot,
            Err(never) => match never {},
        }
    }

    /// Taken before the row is read, so that a change in between counts.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Makes all that is in the cache stale, and drops it.
    pub(super) fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.slots.clear();
    }

    /// Drops what may not serve any more, so that no token stays in memory for longer than it may be used.
    pub(super) fn sweep(&self, now: Timestamp) {
        self.slots.retain(|_, slot| self.last(slot, now).is_some());
    }

    /// A clock that went backwards makes it stale too.
    fn serves(&self, opened: &Opened, now: Timestamp, limit: Duration) -> bool {
        opened.at <= now
            && now.since(opened.at) < limit
            && opened.generation == self.generation()
            && opened.expires_at.is_none_or(|at| now < at)
    }
}

impl Slot {
    pub(super) fn fill(&self, opened: Opened) {
        self.current.store(Some(Arc::new(opened)));
    }
}
