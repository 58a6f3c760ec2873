//! The remote key set as it is kept. Fetched when first needed, again when a key is asked for that is not there, and
//! ahead of its end; never by a timer alone, for then each rotation would be an outage. A set that served goes on
//! serving while the issuer cannot be reached.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use keyward_core::clock::{Clock, Timestamp};
use keyward_outbound::Client;
use tokio::sync::Mutex;
use url::Url;

use super::KeySet;
use super::fetch::{FetchError, Fetched, fetch};
use crate::error::TokenError;
use crate::jwt::Algorithm;
use crate::provider::{Health, KeptMetadata, ProviderConfig, reason};

/// How old the metadata may be by which a key is looked for that is not where it was.
const METADATA_AGE_FOR_MISSING_KEYS: Duration = Duration::from_secs(60);
/// From which difference on a clock is called wrong: HTTP has whole seconds, and answers take their time.
const CLOCK_NOTED: i64 = 30;

/// Where a key set is.
pub(crate) enum Location {
    /// Where the operator says.
    Fixed(Url),
    /// Where its issuer's metadata says (RFC 8414 §2).
    Discovered(Arc<KeptMetadata>),
}

/// A remote key set; clones share it.
#[derive(Clone)]
pub(crate) struct RemoteKeys(Arc<Inner>);

struct Inner {
    location: Location,
    config: ProviderConfig,
    client: Client,
    clock: Clock,
    current: ArcSwapOption<Held>,
    version: AtomicU64,
    refreshing: AtomicBool,
    /// When the last fetch began; holding it is the right to fetch.
    last_attempt: Mutex<Option<Timestamp>>,
    health: Health,
}

/// A set as it is held.
pub(crate) struct Held {
    pub(crate) keys: Arc<KeySet>,
    /// What is odd about it, for people.
    pub(crate) notes: Vec<String>,
    pub(crate) clock_ahead_seconds: Option<i64>,
    document: Bytes,
    at: Timestamp,
    refresh_at: Timestamp,
    ends_at: Timestamp,
}

impl Held {
    /// Whether it may serve. That it is from a time to come is no reason against it, since clocks are set right now and
    /// then, unless it would last that much longer.
    fn serves(&self, now: Timestamp, max_stale: Duration) -> bool {
        now < self.ends_at && self.at.since(now) <= max_stale
    }

    /// Whether it should be fetched anew.
    fn is_due(&self, now: Timestamp) -> bool {
        now >= self.refresh_at || now < self.at
    }
}

/// What a fetch is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A call misses a key.
    Missing,
    /// The set at hand comes to its end.
    Ahead,
    /// The background's turn, which has pauses of its own.
    Upkeep,
}

impl RemoteKeys {
    /// Nothing is fetched before the first token comes.
    pub(crate) fn new(location: Location, config: &ProviderConfig, client: Client, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            location,
            config: config.clone(),
            client,
            clock,
            current: ArcSwapOption::empty(),
            version: AtomicU64::new(0),
            refreshing: AtomicBool::new(false),
            last_attempt: Mutex::new(None),
            health: Health::new(&config.issuer, "keys"),
        }))
    }

    /// The set, fetched anew where needed if `suffices` says that the one at hand does not do. What comes back may still
    /// not suffice; then the issuer has no such key.
    pub(crate) async fn holding(&self, suffices: impl Fn(&KeySet) -> bool) -> Result<Arc<KeySet>, TokenError> {
        let inner = &self.0;
        let seen = inner.current.load_full();
        if let Some(keys) = self.at_hand(&suffices) {
            return Ok(keys);
        }
        // In a task of its own: a caller that hangs up must not take the fetch with it, for the others would then wait
        // out the debounce with nothing in hand.
        let fetching = Arc::clone(inner);
        let fetch = tokio::spawn(async move { fetching.fetch_unless_changed(seen.as_ref(), Purpose::Missing).await });
        let in_time = tokio::time::timeout(inner.config.patience, fetch).await.is_ok();
        let held = self.held().ok_or(TokenError::KeysUnavailable)?;
        // A key that is not there may yet be among those that could not be had.
        let all_seen = in_time && !inner.health.is_failing() && held.keys.omitted() == 0;
        if all_seen || suffices(&held.keys) { Ok(Arc::clone(&held.keys)) } else { Err(TokenError::KeysUnavailable) }
    }

    /// The set as it is, if it may serve and suffices; where it comes to its end, another is on its way then.
    pub(crate) fn at_hand(&self, suffices: impl Fn(&KeySet) -> bool) -> Option<Arc<KeySet>> {
        let (inner, now) = (&self.0, self.0.clock.now());
        let current = inner.current.load();
        let current = current.as_ref().filter(|it| it.serves(now, inner.config.max_stale) && suffices(&it.keys))?;
        if current.is_due(now) {
            self.refresh_in_background();
        }
        Some(Arc::clone(&current.keys))
    }

    /// Fetches the set unless it is fresh; whether it is, then.
    pub(crate) async fn keep_fresh(&self) -> bool {
        let inner = &self.0;
        let seen = inner.current.load_full();
        if seen.as_ref().is_none_or(|current| current.is_due(inner.clock.now())) || inner.health.is_failing() {
            inner.fetch_unless_changed(seen.as_ref(), Purpose::Upkeep).await;
        }
        !inner.health.is_failing()
    }

    /// The set at hand, while it may serve.
    pub(crate) fn held(&self) -> Option<Arc<Held>> {
        self.0.usable()
    }

    /// When the set at hand should be fetched anew.
    pub(crate) fn refresh_at(&self) -> Option<Timestamp> {
        self.0.current.load().as_ref().map(|current| current.refresh_at)
    }

    pub(crate) fn health(&self) -> &Health {
        &self.0.health
    }

    /// Grows whenever the document's text changes, so that what was verified with a key that is gone is verified again.
    pub(crate) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    fn refresh_in_background(&self) {
        if self.0.refreshing.swap(true, Ordering::AcqRel) {
            return;
        }
        let refresh = Refresh(Arc::clone(&self.0));
        tokio::spawn(async move {
            let seen = refresh.0.current.load_full();
            refresh.0.fetch_unless_changed(seen.as_ref(), Purpose::Ahead).await;
        });
    }
}

/// The one refresh under way; also over when its runtime goes down before it is done.
struct Refresh(Arc<Inner>);

impl Drop for Refresh {
    fn drop(&mut self) {
        self.0.refreshing.store(false, Ordering::Release);
    }
}

impl Inner {
    fn usable(&self) -> Option<Arc<Held>> {
        self.current.load_full().filter(|current| current.serves(self.clock.now(), self.config.max_stale))
    }

    /// Single flight: whoever waited for another's fetch takes what that one got.
    async fn fetch_unless_changed(&self, seen: Option<&Arc<Held>>, purpose: Purpose) {
        let mut last_attempt = self.last_attempt.lock().await;
        let now = self.clock.now();
        let changed = self.current.load_full().map(|current| Arc::as_ptr(&current)) != seen.map(Arc::as_ptr);
        let pause = if purpose == Purpose::Upkeep { Duration::ZERO } else { self.config.debounce };
        let too_soon = last_attempt.is_some_and(|last| now.since(last) < pause && now >= last);
        if changed || too_soon {
            return;
        }
        *last_attempt = Some(now);
        match self.fetch(purpose).await {
            Ok(fetched) => {
                self.health.succeeded(now);
                self.hold(fetched, now);
            }
            Err(error) => self.health.failed(&reason(&error), self.usable().is_some()),
        }
    }

    /// From where the keys are; and if nothing usable is there any more, from where they are said to be now.
    async fn fetch(&self, purpose: Purpose) -> Result<Fetched, FetchError> {
        let metadata = match &self.location {
            Location::Fixed(url) => return fetch(&self.client, url).await,
            Location::Discovered(metadata) => metadata,
        };
        let found = |age| async move {
            let found = metadata.not_older_than(age, self.config.retry.0).await.map_err(FetchError::Discovery)?;
            found.jwks_uri.clone().ok_or(FetchError::NoKeySet)
        };
        let age = match purpose {
            Purpose::Missing => METADATA_AGE_FOR_MISSING_KEYS,
            Purpose::Ahead | Purpose::Upkeep => self.config.metadata_age,
        };
        let url = found(age).await?;
        let fetched = fetch(&self.client, &url).await;
        if fetched.is_ok() {
            return fetched;
        }
        match found(METADATA_AGE_FOR_MISSING_KEYS).await {
            Ok(moved) if moved != url => fetch(&self.client, &moved).await,
            _ => fetched,
        }
    }

    fn hold(&self, fetched: Fetched, now: Timestamp) {
        let (shortest, longest) = self.config.keys_age_bounds;
        let age = fetched.max_age.unwrap_or(self.config.keys_age).clamp(shortest, longest.max(shortest));
        let before = self.current.load_full();
        let clock_ahead_seconds = fetched.date.map(|date| date.as_seconds() - now.as_seconds());
        let notes = notes(&fetched.keys, &self.config.algorithms, clock_ahead_seconds);
        for note in &notes {
            if before.as_ref().is_none_or(|before| !before.notes.contains(note)) {
                tracing::warn!(issuer = &*self.config.issuer, note, "the issuer's keys are odd");
            }
        }
        let same = before.is_some_and(|before| before.document == fetched.document);
        self.current.store(Some(Arc::new(Held {
            keys: Arc::new(fetched.keys),
            notes,
            clock_ahead_seconds,
            document: fetched.document,
            at: now,
            // Ahead of the end, so that no call waits for it.
            refresh_at: now.plus(age * 3 / 4),
            ends_at: now.plus(age.max(self.config.max_stale)),
        })));
        if !same {
            self.version.fetch_add(1, Ordering::Release);
        }
    }
}

/// What people should know of a set that is used.
fn notes(keys: &KeySet, algorithms: &[Algorithm], clock_ahead_seconds: Option<i64>) -> Vec<String> {
    let mut notes = keys.notes(algorithms);
    if keys.count_for(algorithms) == 0 {
        let names = |list: &[Algorithm]| list.iter().map(|it| it.name()).collect::<Vec<_>>().join(", ");
        let (has, accepted) = (names(&keys.algorithms()), names(algorithms));
        notes.push(format!("its keys are for {has}, and only {accepted} is accepted from it"));
    }
    if let Some(ahead) = clock_ahead_seconds.filter(|ahead| ahead.abs() > CLOCK_NOTED) {
        // In whole minutes, so that it is not news each time.
        let minutes = (ahead.abs() + 30) / 60;
        let side = if ahead > 0 { "ahead of" } else { "behind" };
        notes.push(format!("its clock is about {} min {side} the clock here: set both by NTP", minutes.max(1)));
    }
    notes
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteKeys({})", self.0.config.issuer)
    }
}

#[cfg(test)]
mod tests;
