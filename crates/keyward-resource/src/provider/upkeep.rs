//! What is fetched in the background: metadata and keys, ahead of their end.

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Inner;

/// The longest that nothing is looked at, whatever the issuer says of age.
const LONGEST: Duration = Duration::from_secs(3600);

pub(super) async fn run(provider: Weak<Inner>) {
    let mut pause = Duration::ZERO;
    loop {
        let Some(inner) = provider.upgrade() else { return };
        let wait = if inner.tend().await {
            pause = Duration::ZERO;
            let ahead = inner.keys.refresh_at().map(|at| at.since(inner.clock.now()));
            // Not at the very moment, so that it is past then by any clock.
            ahead.map_or(LONGEST, |ahead| ahead.min(LONGEST) + inner.config.retry.0)
        } else {
            let (shortest, longest) = inner.config.retry;
            pause = if pause.is_zero() { shortest } else { (pause * 2).min(longest) };
            pause
        };
        inner.next_try.store(inner.clock.now().plus(wait).as_micros(), Ordering::Release);
        drop(inner);
        tokio::time::sleep(wait).await;
    }
}

impl Inner {
    /// Whether all is as fresh as it should be.
    async fn tend(&self) -> bool {
        let metadata = if self.config.needs_metadata() {
            let found = self.metadata.not_older_than(self.config.metadata_age, Duration::ZERO).await;
            found.is_ok() && !self.metadata.health.is_failing()
        } else {
            true
        };
        if !self.wants_keys() {
            return metadata;
        }
        self.keys.keep_fresh().await && metadata
    }

    /// An issuer of opaque tokens alone needs no keys.
    pub(super) fn wants_keys(&self) -> bool {
        let without = || self.metadata.known().is_some_and(|metadata| metadata.jwks_uri.is_none());
        self.config.jwks_uri.is_some() || self.introspection.is_none() || !without()
    }
}
