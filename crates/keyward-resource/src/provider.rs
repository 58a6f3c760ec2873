//! An external issuer as it is kept: its metadata, its keys, what it says of opaque tokens. Everything is fetched when it
//! is needed or by [`Provider::start`], and never a precondition of serving: what can be verified is verified.

mod config;
mod health;
mod introspection;
mod kept_metadata;
mod status;
mod upkeep;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use keyward_core::clock::{Clock, Timestamp};
use keyward_discovery::AuthorizationServerMetadata;
use keyward_outbound::Client;

use crate::jwks::{KeySource, Location, RemoteKeys};
pub use config::{ClientAuthentication, IntrospectionConfig, ProviderConfig};
pub(crate) use health::{Health, reason};
pub use introspection::Introspection;
pub(crate) use kept_metadata::KeptMetadata;
pub use status::{IntrospectionStatus, ProviderState, ProviderStatus};

/// An external issuer; clones are handles on the same.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    config: ProviderConfig,
    clock: Clock,
    metadata: Arc<KeptMetadata>,
    keys: RemoteKeys,
    introspection: Option<Introspection>,
    started: AtomicBool,
    /// In microseconds since the epoch; 0 while there is none.
    next_try: AtomicI64,
}

impl Provider {
    /// Nothing is fetched before it is needed. What `client` may reach decides whether URLs may be without TLS.
    pub fn new(config: ProviderConfig, client: Client, clock: Clock) -> Self {
        let metadata = Arc::new(KeptMetadata::new(&config, client.clone(), clock.clone()));
        let location = match &config.jwks_uri {
            Some(url) => Location::Fixed(url.clone()),
            None => Location::Discovered(Arc::clone(&metadata)),
        };
        let introspection = config.introspection.clone().map(|introspection| {
            Introspection::new(introspection, &config, Arc::clone(&metadata), client.clone(), clock.clone())
        });
        let keys = RemoteKeys::new(location, &config, client, clock.clone());
        let (started, next_try) = (AtomicBool::new(false), AtomicI64::new(0));
        Self(Arc::new(Inner { config, clock, metadata, keys, introspection, started, next_try }))
    }

    /// Its identifier.
    pub fn issuer(&self) -> &Arc<str> {
        &self.0.config.issuer
    }

    /// Its keys, for a [`crate::TrustedIssuer`].
    pub fn keys(&self) -> KeySource {
        KeySource::Provider(self.clone())
    }

    /// What it says of opaque tokens, if it is asked: for a [`crate::TrustedIssuer`].
    pub fn introspection(&self) -> Option<Introspection> {
        self.0.introspection.clone()
    }

    /// Its metadata as it was found last, or `None` until then. With a configured `jwks_uri` it is only looked for where
    /// something else needs it.
    pub fn metadata(&self) -> Option<Arc<AuthorizationServerMetadata>> {
        self.0.metadata.known()
    }

    /// Its metadata, looked for now where it is not known. Waits no longer than a call does.
    pub async fn fetch_metadata(&self) -> Result<Arc<AuthorizationServerMetadata>, String> {
        let metadata = Arc::clone(&self.0.metadata);
        // In a task of its own: who hangs up must not take the search along.
        let search = tokio::spawn(async move { metadata.needed().await });
        match tokio::time::timeout(self.0.config.patience, search).await {
            Ok(Ok(found)) => found,
            _ => self.metadata().ok_or_else(|| "its metadata is not there yet".to_owned()),
        }
    }

    /// Fetches metadata and keys in the background and keeps them fresh, ahead of their end; what fails is tried again
    /// with longer and longer pauses. It ends with the last handle. Must be called within a runtime; once is enough.
    pub fn start(&self) {
        if !self.0.started.swap(true, Ordering::AcqRel) {
            tokio::spawn(upkeep::run(Arc::downgrade(&self.0)));
        }
    }

    /// How it stands.
    pub fn status(&self) -> ProviderStatus {
        let next_try = self.0.next_try.load(Ordering::Acquire);
        status::of(&self.0, (next_try != 0).then(|| Timestamp::from_micros(next_try)))
    }

    pub(crate) fn remote_keys(&self) -> &RemoteKeys {
        &self.0.keys
    }
}

/// The claims in what the issuer `https://issuer.example` says of a token, for the fuzzer.
pub(crate) fn introspected(json: &[u8]) -> Option<bytes::Bytes> {
    introspection::read(json, "https://issuer.example", Timestamp::from_seconds(1_800_000_000))
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({})", self.0.config.issuer)
    }
}

#[cfg(test)]
mod tests;
