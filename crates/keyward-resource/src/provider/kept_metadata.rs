//! An issuer's metadata, kept: found when needed, believed for a while, and longer where it cannot be found anew.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use keyward_core::clock::{Clock, Timestamp};
use keyward_discovery::{AuthorizationServerMetadata, DiscoveryError, discover, discover_at, discover_openid};
use keyward_outbound::Client;
use tokio::sync::Mutex;
use url::Url;

use super::config::ProviderConfig;
use super::health::{Health, reason};

pub(crate) struct KeptMetadata {
    issuer: Arc<str>,
    url: Option<Url>,
    /// Whether it is of use only where people can log in by it.
    for_logins: bool,
    age: Duration,
    debounce: Duration,
    client: Client,
    clock: Clock,
    current: ArcSwapOption<Known>,
    /// When the last fetch began; holding it is the right to fetch.
    last_attempt: Mutex<Option<Timestamp>>,
    pub(crate) health: Health,
}

struct Known {
    metadata: Arc<AuthorizationServerMetadata>,
    at: Timestamp,
}

impl KeptMetadata {
    pub(crate) fn new(config: &ProviderConfig, client: Client, clock: Clock) -> Self {
        Self {
            issuer: Arc::clone(&config.issuer),
            url: config.metadata_url.clone(),
            for_logins: config.endpoints_needed,
            age: config.metadata_age,
            debounce: config.debounce,
            client,
            clock,
            current: ArcSwapOption::empty(),
            last_attempt: Mutex::new(None),
            health: Health::new(&config.issuer, "metadata"),
        }
    }

    pub(crate) fn known(&self) -> Option<Arc<AuthorizationServerMetadata>> {
        self.current.load().as_ref().map(|known| Arc::clone(&known.metadata))
    }

    /// As it is known, or found now; or why it cannot be.
    pub(crate) async fn needed(&self) -> Result<Arc<AuthorizationServerMetadata>, String> {
        self.not_older_than(self.age, self.debounce).await
    }

    /// Found anew if it is older than `age`, unless that was tried within `pause`. What is known from before serves when it
    /// cannot be: what an issuer's endpoints are changes once in years.
    pub(crate) async fn not_older_than(
        &self,
        age: Duration,
        pause: Duration,
    ) -> Result<Arc<AuthorizationServerMetadata>, String> {
        if let Some(metadata) = self.young(age) {
            return Ok(metadata);
        }
        let mut last_attempt = self.last_attempt.lock().await;
        let now = self.clock.now();
        // Somebody else may have found it meanwhile.
        let too_soon = last_attempt.is_some_and(|last| last <= now && now.since(last) < pause);
        if self.young(age).is_none() && !too_soon {
            *last_attempt = Some(now);
            match self.find().await {
                Ok(metadata) => {
                    self.health.succeeded(now);
                    self.current.store(Some(Arc::new(Known { metadata: Arc::new(metadata), at: now })));
                }
                Err(error) => {
                    // As logins have it: a document that says something else is the issuer's word.
                    if self.for_logins && !error.is_silence() {
                        self.current.store(None);
                    }
                    self.health.failed(&reason(&error), self.known().is_some());
                }
            }
        }
        let reason = || self.health.last().reason.unwrap_or_else(|| "its metadata is not there yet".to_owned());
        self.known().ok_or_else(reason)
    }

    async fn find(&self) -> Result<AuthorizationServerMetadata, DiscoveryError> {
        let found = match &self.url {
            Some(url) => discover_at(&self.client, &self.issuer, url).await?,
            None if self.for_logins => discover_openid(&self.client, &self.issuer).await?,
            None => discover(&self.client, &self.issuer).await?,
        };
        if self.for_logins {
            let invalid = |cause| DiscoveryError::Invalid { url: self.issuer.to_string(), cause };
            found.code_endpoints().map_err(invalid)?;
        }
        Ok(found)
    }

    fn young(&self, age: Duration) -> Option<Arc<AuthorizationServerMetadata>> {
        let now = self.clock.now();
        let known = self.current.load();
        let known = known.as_ref().filter(|known| known.at <= now && now.since(known.at) < age)?;
        Some(Arc::clone(&known.metadata))
    }
}
