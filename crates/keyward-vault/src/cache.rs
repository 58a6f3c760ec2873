//! Credentials that were opened a short while ago.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use keyward_core::clock::Timestamp;
use quick_cache::sync::Cache;
use tokio::sync::Mutex;

use crate::credential::{Credential, CredentialSpec};

const CAPACITY: usize = 1024;
/// How long a credential serves without a look at the store.
pub(crate) const FRESH: Duration = Duration::from_secs(60);
/// How long it serves when the store cannot be reached.
pub(crate) const HARD_LIMIT: Duration = Duration::from_secs(600);

/// A bounded cache with one slot for each rule. A change of any token makes all that is in it stale.
pub(crate) struct CredentialCache {
    slots: Cache<CredentialSpec, Arc<Slot>>,
    generation: AtomicU64,
}

/// The credential of one rule.
#[derive(Default)]
pub(crate) struct Slot {
    current: ArcSwapOption<Opened>,
    /// Held while the token is opened, so that many calls at once open it once.
    pub(crate) opening: Mutex<()>,
}

struct Opened {
    credential: Arc<Credential>,
    at: Timestamp,
    generation: u64,
}

impl CredentialCache {
    pub(crate) fn new() -> Self {
        Self { slots: Cache::new(CAPACITY), generation: AtomicU64::new(0) }
    }

    /// The credential of `spec`, if it was opened within [`FRESH`] and nothing has changed since.
    pub(crate) fn fresh(&self, spec: &CredentialSpec, now: Timestamp) -> Option<Arc<Credential>> {
        self.within(&*self.slots.get(spec)?, now, FRESH)
    }

    /// The slot of `spec`.
    pub(crate) fn slot(&self, spec: &CredentialSpec) -> Arc<Slot> {
        match self.slots.get_or_insert_with(spec, || Ok::<_, std::convert::Infallible>(Arc::new(Slot::default()))) {
            Ok(slot) => slot,
            Err(never) => match never {},
        }
    }

    /// What `slot` holds, if it was opened within `limit` and nothing has changed since. A clock that went backwards makes
    /// it stale too.
    pub(crate) fn within(&self, slot: &Slot, now: Timestamp, limit: Duration) -> Option<Arc<Credential>> {
        let opened = slot.current.load();
        let opened = opened.as_ref()?;
        let serves = opened.at <= now && now.since(opened.at) < limit && opened.generation == self.generation();
        serves.then(|| opened.credential.clone())
    }

    /// Which state of the tokens the cache is at. Taken before a token is opened, so that a change in between counts.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn fill(&self, slot: &Slot, credential: Arc<Credential>, at: Timestamp, generation: u64) {
        slot.current.store(Some(Arc::new(Opened { credential, at, generation })));
    }

    /// Makes all that is in the cache stale, and drops it.
    pub(crate) fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.slots.clear();
    }

    /// Drops what may not serve any more, so that no value stays in memory for longer than it may be used.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.slots.retain(|_, slot| self.within(slot, now, HARD_LIMIT).is_some());
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;
    use keyward_core::secret::Secret;

    use super::*;
    use crate::store::OpenedToken;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn spec() -> CredentialSpec {
        CredentialSpec::new("coda/key".parse().expect("name"), AUTHORIZATION, "Bearer {token}").expect("spec")
    }

    fn filled() -> CredentialCache {
        let cache = CredentialCache::new();
        let token = OpenedToken { value: Secret::from_text("x".into()), version: 1, expires_at: None };
        let credential = Arc::new(Credential::new(&spec(), &token).expect("credential"));
        cache.fill(&cache.slot(&spec()), credential, NOW, cache.generation());
        cache
    }

    #[test]
    fn serves_for_a_bounded_time() {
        let cache = filled();
        assert!(cache.fresh(&spec(), NOW).is_some());
        assert!(cache.fresh(&spec(), NOW.plus(FRESH)).is_none());
        assert!(cache.fresh(&spec(), NOW.minus(Duration::from_secs(1))).is_none(), "the clock went backwards");
        let slot = cache.slot(&spec());
        assert!(cache.within(&slot, NOW.plus(FRESH), HARD_LIMIT).is_some());
        assert!(cache.within(&slot, NOW.plus(HARD_LIMIT), HARD_LIMIT).is_none());
    }

    #[test]
    fn a_change_makes_it_stale_even_while_a_token_is_being_opened() {
        let cache = filled();
        let (before, slot) = (cache.generation(), cache.slot(&spec()));
        let credential = cache.fresh(&spec(), NOW).expect("fresh");
        cache.invalidate();
        assert!(cache.fresh(&spec(), NOW).is_none());
        cache.fill(&slot, credential, NOW, before);
        assert!(cache.within(&slot, NOW, HARD_LIMIT).is_none());
    }

    #[test]
    fn sweeping_drops_what_may_not_serve() {
        let cache = filled();
        cache.sweep(NOW.plus(FRESH));
        assert_eq!(cache.slots.len(), 1);
        cache.sweep(NOW.plus(HARD_LIMIT));
        assert_eq!(cache.slots.len(), 0);
    }
}
