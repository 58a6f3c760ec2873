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
use super::fetch::fetch;
use crate::error::TokenError;

/// How a remote key set is kept.
#[derive(Clone, Debug)]
pub struct RemoteKeysConfig {
    /// The issuer's `jwks_uri` (RFC 8414 §2).
    pub url: Url,
    /// How long a set is taken as fresh when the issuer does not say.
    pub default_age: Duration,
    /// Shortest and longest time for which a set is taken as fresh, whatever the issuer says.
    pub age_bounds: (Duration, Duration),
    /// Shortest time between two fetches, so that tokens with invented key ids cannot make more of them.
    pub debounce: Duration,
    /// How long a set goes on serving when it cannot be refreshed.
    pub max_stale: Duration,
}

impl RemoteKeysConfig {
    /// Of `url`: fresh for 15 minutes unless the issuer says otherwise between one minute and a day, at most one fetch in
    /// ten seconds, a day through an outage.
    pub fn of(url: Url) -> Self {
        let day = Duration::from_secs(86_400);
        Self {
            url,
            default_age: Duration::from_secs(900),
            age_bounds: (Duration::from_secs(60), day),
            debounce: Duration::from_secs(10),
            max_stale: day,
        }
    }
}

/// A remote key set; clones share it.
#[derive(Clone)]
pub struct RemoteKeys(Arc<Inner>);

struct Inner {
    config: RemoteKeysConfig,
    client: Client,
    clock: Clock,
    current: ArcSwapOption<Current>,
    version: AtomicU64,
    refreshing: AtomicBool,
    /// When the last fetch began; holding it is the right to fetch.
    last_attempt: Mutex<Option<Timestamp>>,
}

struct Current {
    keys: Arc<KeySet>,
    document: Bytes,
    refresh_at: Timestamp,
    ends_at: Timestamp,
}

impl RemoteKeys {
    /// Nothing is fetched before the first token comes.
    pub fn new(config: RemoteKeysConfig, client: Client, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            config,
            client,
            clock,
            current: ArcSwapOption::empty(),
            version: AtomicU64::new(0),
            refreshing: AtomicBool::new(false),
            last_attempt: Mutex::new(None),
        }))
    }

    /// The set, fetched anew where needed if `suffices` says that the one at hand does not do. What comes back may still
    /// not suffice; then the issuer has no such key.
    pub(crate) async fn holding(&self, suffices: impl Fn(&KeySet) -> bool) -> Result<Arc<KeySet>, TokenError> {
        let inner = &self.0;
        let seen = inner.current.load_full();
        if let Some(current) = &seen
            && inner.clock.now() < current.ends_at
            && suffices(&current.keys)
        {
            if inner.clock.now() >= current.refresh_at {
                self.refresh_in_background();
            }
            return Ok(Arc::clone(&current.keys));
        }
        // In a task of its own: a caller that hangs up must not take the fetch with it, for the others would then wait
        // out the debounce with nothing in hand.
        let fetching = Arc::clone(inner);
        let _ = tokio::spawn(async move { fetching.fetch_unless_changed(seen.as_ref()).await }).await;
        inner.usable().map(|current| Arc::clone(&current.keys)).ok_or(TokenError::KeysUnavailable)
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
            refresh.0.fetch_unless_changed(seen.as_ref()).await;
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
    fn usable(&self) -> Option<Arc<Current>> {
        self.current.load_full().filter(|current| self.clock.now() < current.ends_at)
    }

    /// Single flight: whoever waited for another's fetch takes what that one got.
    async fn fetch_unless_changed(&self, seen: Option<&Arc<Current>>) {
        let mut last_attempt = self.last_attempt.lock().await;
        let now = self.clock.now();
        let changed = self.current.load_full().map(|current| Arc::as_ptr(&current)) != seen.map(Arc::as_ptr);
        let too_soon = last_attempt.is_some_and(|last| now.since(last) < self.config.debounce && now >= last);
        if changed || too_soon {
            return;
        }
        *last_attempt = Some(now);
        match fetch(&self.client, &self.config.url).await {
            Ok(fetched) => {
                let (shortest, longest) = self.config.age_bounds;
                let age = fetched.max_age.unwrap_or(self.config.default_age).clamp(shortest, longest.max(shortest));
                let same = self.current.load().as_ref().is_some_and(|current| current.document == fetched.document);
                self.current.store(Some(Arc::new(Current {
                    keys: Arc::new(fetched.keys),
                    document: fetched.document,
                    // Ahead of the end, so that no call waits for it.
                    refresh_at: now.plus(age * 3 / 4),
                    ends_at: now.plus(age + self.config.max_stale),
                })));
                if !same {
                    self.version.fetch_add(1, Ordering::Release);
                }
            }
            Err(error) => {
                let serving = self.usable().is_some();
                tracing::warn!(url = %self.config.url, error = &error as &dyn std::error::Error, last_good_set_serves = serving,
                    "could not fetch the issuer's keys");
            }
        }
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteKeys({})", self.0.config.url)
    }
}

#[cfg(test)]
mod tests;
