//! Credentials that were opened a short while ago.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use keyward_core::clock::Timestamp;
use quick_cache::sync::Cache;
use tokio::sync::Mutex;

use crate::credential::{Credential, CredentialError, CredentialSpec};

const CAPACITY: usize = 1024;
/// How long nobody asks a store again that could not be reached.
pub(crate) const REST: Duration = Duration::from_secs(3);
/// How long at most nobody asks it again about a version that upstream goes on refusing and it goes on naming.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// How long a credential that was opened serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheTimes {
    /// Without a look at the store.
    pub fresh: Duration,
    /// While the store cannot be reached.
    pub usable: Duration,
}

impl Default for CacheTimes {
    /// A minute, and ten.
    fn default() -> Self {
        Self { fresh: Duration::from_secs(60), usable: Duration::from_secs(600) }
    }
}

/// How long it is believed that a person has no token of their own. Not every store tells when one comes.
const NOTHING: Duration = Duration::from_secs(5);

/// A bounded cache with one slot for each rule. A change of any token makes all that is in it stale.
pub(crate) struct CredentialCache {
    slots: Cache<CredentialSpec, Arc<Slot>>,
    generation: AtomicU64,
    times: CacheTimes,
}

/// The credential of one rule.
#[derive(Default)]
pub(crate) struct Slot {
    current: ArcSwapOption<Opened>,
    nothing: ArcSwapOption<(Timestamp, u64)>,
    failed: ArcSwapOption<Failed>,
    doubted: ArcSwapOption<Doubted>,
    /// Held while the token is opened, so that many calls at once open it once.
    pub(crate) opening: Mutex<()>,
}

/// The store could not be reached, or keeps a call waiting.
struct Failed {
    at: Timestamp,
    error: Option<CredentialError>,
}

/// The store was asked for what upstream refused.
struct Doubted {
    at: Timestamp,
    /// How often in a row it named the refused version again.
    same: u32,
}

struct Opened {
    credential: Arc<Credential>,
    at: Timestamp,
    generation: u64,
}

impl Slot {
    /// Remembers that the store could not be reached, or, without an error, that it takes long.
    pub(crate) fn fail(&self, at: Timestamp, error: Option<CredentialError>) {
        self.failed.store(Some(Arc::new(Failed { at, error })));
    }

    /// How an attempt ended that failed a moment ago.
    pub(crate) fn failure(&self, now: Timestamp) -> Option<CredentialError> {
        self.failed.load().as_ref().filter(|failed| failed.is_recent(now))?.error.clone()
    }

    /// Whether the store is to be asked whether what it holds is still so, since upstream refused it. Not with each call that
    /// is refused.
    pub(crate) fn doubt(&self, now: Timestamp) -> bool {
        let last = self.doubted.load();
        if last.as_ref().is_some_and(|last| last.is_recent(now)) || self.is_no_use_waiting(now) {
            return false;
        }
        let same = last.as_ref().map_or(0, |last| last.same);
        self.doubted.store(Some(Arc::new(Doubted { at: now, same })));
        true
    }

    /// Remembers that the store named the refused version again. Each time the pause until it is asked once more is longer.
    pub(crate) fn confirm(&self) {
        if let Some(last) = &*self.doubted.load() {
            let same = last.same.saturating_add(1);
            self.doubted.store(Some(Arc::new(Doubted { at: last.at, same })));
        }
    }

    /// Whether nothing is gained by waiting: the store failed a moment ago, or is being asked again after it failed.
    fn is_no_use_waiting(&self, now: Timestamp) -> bool {
        let failed = self.failed.load();
        failed.as_ref().is_some_and(|failed| failed.is_recent(now) || self.opening.try_lock().is_err())
    }
}

impl Failed {
    fn is_recent(&self, now: Timestamp) -> bool {
        self.at <= now && now.since(self.at) < REST
    }
}

impl Doubted {
    fn is_recent(&self, now: Timestamp) -> bool {
        let doublings = self.same.saturating_sub(1).min(8);
        let pause = REST.saturating_mul(1 << doublings).min(LONGEST_REST);
        self.at <= now && now.since(self.at) < pause
    }
}

impl CredentialCache {
    pub(crate) fn new(times: CacheTimes) -> Self {
        Self { slots: Cache::new(CAPACITY), generation: AtomicU64::new(0), times }
    }

    /// The credential of `spec`, if it was opened a short while ago and nothing has changed since.
    pub(crate) fn fresh(&self, spec: &CredentialSpec, now: Timestamp) -> Option<Arc<Credential>> {
        self.within(&*self.slots.get(spec)?, now, self.times.fresh)
    }

    /// The credential of `spec`, as far as there is one that serves at once: a fresh one, or, while its store is out of
    /// reach, a usable one.
    pub(crate) fn at_hand(&self, spec: &CredentialSpec, now: Timestamp) -> Option<Arc<Credential>> {
        let slot = self.slots.get(spec)?;
        self.within(&slot, now, self.times.fresh)
            .or_else(|| self.usable(&slot, now).filter(|_| slot.is_no_use_waiting(now)))
    }

    /// The slot of `spec`.
    pub(crate) fn slot(&self, spec: &CredentialSpec) -> Arc<Slot> {
        match self.slots.get_or_insert_with(spec, || Ok::<_, std::convert::Infallible>(Arc::new(Slot::default()))) {
            Ok(slot) => slot,
            Err(never) => match never {},
        }
    }

    /// What `slot` holds, if it may serve while the store cannot be reached.
    pub(crate) fn usable(&self, slot: &Slot, now: Timestamp) -> Option<Arc<Credential>> {
        self.within(slot, now, self.times.usable)
    }

    /// What `slot` holds, if it was opened within `limit` and nothing has changed since. A clock that went backwards makes
    /// it stale too.
    fn within(&self, slot: &Slot, now: Timestamp, limit: Duration) -> Option<Arc<Credential>> {
        let opened = slot.current.load();
        let opened = opened.as_ref()?;
        let serves = opened.at <= now && now.since(opened.at) < limit && opened.generation == self.generation();
        serves.then(|| opened.credential.clone())
    }

    /// Whether `slot` was found to have no token a moment ago, and nothing has changed since.
    pub(crate) fn is_nothing(&self, slot: &Slot, now: Timestamp) -> bool {
        let nothing = slot.nothing.load();
        let stands = |(at, generation): (Timestamp, u64)| {
            at <= now && now.since(at) < NOTHING && generation == self.generation()
        };
        nothing.as_ref().is_some_and(|nothing| stands(**nothing))
    }

    pub(crate) fn fill_nothing(&self, slot: &Slot, at: Timestamp, generation: u64) {
        slot.nothing.store(Some(Arc::new((at, generation))));
    }

    /// Which state of the tokens the cache is at. Taken before a token is opened, so that a change in between counts.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn fill(&self, slot: &Slot, credential: Arc<Credential>, at: Timestamp, generation: u64) {
        let version = credential.version();
        let before = slot.current.swap(Some(Arc::new(Opened { credential, at, generation })));
        if before.is_none_or(|before| before.credential.version() != version) {
            slot.doubted.store(None);
        }
        slot.failed.store(None);
    }

    /// Makes all that is in the cache stale, and drops it.
    pub(crate) fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.slots.clear();
    }

    /// Drops what may not serve any more, so that no value stays in memory for longer than it may be used.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.slots.retain(|_, slot| {
            let serves = self.usable(slot, now).is_some();
            if !serves {
                slot.current.store(None);
            }
            // One that somebody holds is about to be filled, or waited for; out of the cache it would be filled for nobody.
            serves || Arc::strong_count(slot) > 1
        });
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;
    use keyward_core::clock::ManualClock;
    use keyward_core::secret::Secret;

    use super::*;
    use crate::store::OpenedToken;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
    const FRESH: Duration = Duration::from_secs(60);
    const USABLE: Duration = Duration::from_secs(600);
    const TIMES: CacheTimes = CacheTimes { fresh: FRESH, usable: USABLE };

    fn spec() -> CredentialSpec {
        CredentialSpec::new("coda/key".parse().expect("name"), AUTHORIZATION, "Bearer {token}").expect("spec")
    }

    fn filled() -> CredentialCache {
        let cache = CredentialCache::new(TIMES);
        cache.fill(&cache.slot(&spec()), version(1), NOW, cache.generation());
        cache
    }

    fn version(version: i64) -> Arc<Credential> {
        let token = OpenedToken { value: Secret::from_text("x".into()), version, expires_at: None };
        Arc::new(Credential::new(&spec(), &token).expect("credential"))
    }

    #[test]
    fn a_store_that_goes_on_naming_what_upstream_refuses_is_asked_less_and_less() {
        let (cache, clock) = (filled(), ManualClock::new(NOW));
        let slot = cache.slot(&spec());
        // After how many seconds.
        let asked = || {
            let mut seconds = 0;
            while !slot.doubt(clock.now()) {
                clock.advance(Duration::from_secs(1));
                seconds += 1;
            }
            cache.fill(&slot, version(1), clock.now(), cache.generation());
            slot.confirm();
            seconds
        };
        assert_eq!([(); 8].map(|()| asked()), [0, 3, 6, 12, 24, 48, 60, 60]);
        cache.fill(&slot, version(2), clock.now(), cache.generation());
        cache.fill(&slot, version(1), clock.now(), cache.generation());
        assert_eq!([(); 3].map(|()| asked()), [0, 3, 6], "another version came in between");
    }

    #[test]
    fn a_sweep_leaves_what_is_about_to_be_filled() {
        let cache = CredentialCache::new(TIMES);
        let slot = cache.slot(&spec());
        cache.sweep(NOW);
        assert!(Arc::ptr_eq(&slot, &cache.slot(&spec())));
        drop(slot);
        cache.sweep(NOW);
        assert!(cache.slots.get(&spec()).is_none());
    }

    #[test]
    fn a_sweep_keeps_no_value_for_longer_than_it_serves() {
        let cache = filled();
        let held = cache.slot(&spec());
        cache.sweep(NOW.plus(USABLE));
        assert!(held.current.load().is_none());
    }

    #[test]
    fn serves_for_a_bounded_time() {
        let cache = filled();
        assert!(cache.fresh(&spec(), NOW).is_some());
        assert!(cache.fresh(&spec(), NOW.plus(FRESH)).is_none());
        assert!(cache.fresh(&spec(), NOW.minus(Duration::from_secs(1))).is_none(), "the clock went backwards");
        let slot = cache.slot(&spec());
        assert!(cache.usable(&slot, NOW.plus(FRESH)).is_some());
        assert!(cache.usable(&slot, NOW.plus(USABLE)).is_none());
    }

    #[test]
    fn a_change_makes_it_stale_even_while_a_token_is_being_opened() {
        let cache = filled();
        let (before, slot) = (cache.generation(), cache.slot(&spec()));
        let credential = cache.fresh(&spec(), NOW).expect("fresh");
        cache.invalidate();
        assert!(cache.fresh(&spec(), NOW).is_none());
        cache.fill(&slot, credential, NOW, before);
        assert!(cache.usable(&slot, NOW).is_none());
    }

    #[test]
    fn sweeping_drops_what_may_not_serve() {
        let cache = filled();
        cache.sweep(NOW.plus(FRESH));
        assert_eq!(cache.slots.len(), 1);
        cache.sweep(NOW.plus(USABLE));
        assert_eq!(cache.slots.len(), 0);
    }
}
