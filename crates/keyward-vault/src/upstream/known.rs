//! What is known of a provider, and for how long it is believed.

use std::sync::Arc;
use std::time::Duration;

use keyward_core::clock::{Clock, Timestamp};
use keyward_discovery::DiscoveryError;
use tokio::sync::Mutex;

use super::Connection;
use super::provider::Provider;

/// How long what was found is believed.
const BELIEVED: Duration = Duration::from_secs(60 * 60);
/// How long a provider that cannot be found is not looked for again: all who wait for it are told at once.
const FAILED: Duration = Duration::from_secs(5);
/// How long what was found serves on while its metadata cannot be had, and how often that is tried.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
const TRIED_EVERY: Duration = Duration::from_secs(60);

/// What is known of a provider. The lock is held while it is looked for, so that many at once look once.
#[derive(Default)]
pub(super) struct ProviderCache(Mutex<Known>);

#[derive(Default)]
struct Known {
    found: Option<(Timestamp, Arc<Provider>)>,
    failed: Option<(Timestamp, Arc<DiscoveryError>)>,
}

impl Connection {
    /// The provider, as found within the hour, or as known before while its metadata cannot be had.
    pub(super) async fn provider(&self, clock: &Clock) -> Result<Arc<Provider>, Arc<DiscoveryError>> {
        let mut known = self.provider.0.lock().await;
        // After the wait for the lock: whoever had it may have found out just now.
        let now = clock.now();
        if let Some(provider) = known.found_within(BELIEVED, now) {
            return Ok(provider);
        }
        let kept = known.found_within(KEPT, now);
        if let Some((at, error)) = &known.failed {
            // A document that says something else is the provider's word; that there is none says nothing.
            let kept = kept.clone().filter(|_| error.is_silence());
            if is_within(*at, if kept.is_some() { TRIED_EVERY } else { FAILED }, now) {
                return kept.ok_or_else(|| Arc::clone(error));
            }
        }
        match self.discover().await {
            Ok(provider) => {
                let provider = Arc::new(provider);
                if known.failed.is_some() && kept.is_some() {
                    tracing::info!(connection = %self.id(), "the provider's metadata can be had again");
                }
                *known = Known { found: Some((clock.now(), Arc::clone(&provider))), failed: None };
                Ok(provider)
            }
            Err(error) => {
                let error = Arc::new(error);
                let before = known.failed.replace((clock.now(), Arc::clone(&error)));
                let kept = kept.filter(|_| error.is_silence()).ok_or_else(|| Arc::clone(&error))?;
                // When it changes, not at each try.
                if before.is_none_or(|(_, before)| before.to_string() != error.to_string()) {
                    tracing::warn!(connection = %self.id(), %error, "the provider's metadata cannot be had; what is known of it serves on");
                }
                Ok(kept)
            }
        }
    }
}

impl Known {
    fn found_within(&self, limit: Duration, now: Timestamp) -> Option<Arc<Provider>> {
        let (at, provider) = self.found.as_ref()?;
        is_within(*at, limit, now).then(|| Arc::clone(provider))
    }
}

/// A clock that went backwards ends it, too.
fn is_within(at: Timestamp, limit: Duration, now: Timestamp) -> bool {
    at <= now && now.since(at) < limit
}
