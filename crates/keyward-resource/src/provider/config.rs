//! How an external issuer is kept.

use std::sync::Arc;
use std::time::Duration;

use keyward_core::secret::Secret;
use url::Url;

use crate::jwt::Algorithm;

/// How an external issuer is kept.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// Its identifier, to the letter (RFC 8414 §2).
    pub issuer: Arc<str>,
    /// Where its metadata is, if not at one of the well-known places.
    pub metadata_url: Option<Url>,
    /// Where its keys are; then its metadata is not needed for them.
    pub jwks_uri: Option<Url>,
    /// Whether its endpoints are needed, too, which its metadata names: people log in there. It is looked for as the OpenID
    /// provider that it is then, as logins do.
    pub endpoints_needed: bool,
    /// The algorithms that are accepted from it: its status says when no key of its fits.
    pub algorithms: Vec<Algorithm>,
    /// How it is asked about opaque tokens.
    pub introspection: Option<IntrospectionConfig>,
    /// How long keys are taken as fresh when it does not say.
    pub keys_age: Duration,
    /// Shortest and longest time for which keys are taken as fresh, whatever it says.
    pub keys_age_bounds: (Duration, Duration),
    /// How long keys go on serving since they were fetched when they cannot be refreshed; never less than they are fresh.
    pub max_stale: Duration,
    /// How long its metadata is taken as fresh. A key that is not there, or keys that cannot be had, make it be looked for
    /// earlier.
    pub metadata_age: Duration,
    /// Shortest time between two fetches that calls bring about, so that tokens with invented key ids cannot make more.
    pub debounce: Duration,
    /// Shortest and longest pause before something is tried again in the background.
    pub retry: (Duration, Duration),
    /// How long a call waits for what is being fetched.
    pub patience: Duration,
}

impl ProviderConfig {
    /// Of `issuer`: found by discovery; keys fresh for 15 minutes unless it says otherwise between one minute and an hour,
    /// and a day since they were fetched through an outage; metadata fresh for an hour; at most one fetch in ten seconds; tried again after one
    /// second to one minute; calls wait five seconds.
    pub fn of(issuer: impl Into<Arc<str>>) -> Self {
        let seconds = Duration::from_secs;
        Self {
            issuer: issuer.into(),
            metadata_url: None,
            jwks_uri: None,
            endpoints_needed: false,
            algorithms: Algorithm::ALL.to_vec(),
            introspection: None,
            keys_age: seconds(900),
            keys_age_bounds: (seconds(60), seconds(3600)),
            max_stale: seconds(86_400),
            metadata_age: seconds(3600),
            debounce: seconds(10),
            retry: (seconds(1), seconds(60)),
            patience: seconds(5),
        }
    }

    /// Whether anything is read from its metadata.
    pub(crate) fn needs_metadata(&self) -> bool {
        let introspection = self.introspection.as_ref().is_some_and(|introspection| introspection.endpoint.is_none());
        self.jwks_uri.is_none() || self.metadata_url.is_some() || self.endpoints_needed || introspection
    }
}

/// How an issuer is asked about opaque tokens (RFC 7662).
#[derive(Clone, Debug)]
pub struct IntrospectionConfig {
    /// Where; by its metadata if not named here.
    pub endpoint: Option<Url>,
    /// As which client.
    pub client_id: String,
    /// With which secret.
    pub client_secret: Arc<Secret>,
    /// How the secret is sent; by its metadata if not named here, `client_secret_basic` where that says nothing.
    pub authentication: Option<ClientAuthentication>,
    /// Whether it is asked about signed tokens too, whose own word is not taken then.
    pub signed_tokens: bool,
    /// What its opaque tokens begin with. A token is shown to one issuer only: that whose prefix is the longest.
    pub prefix: Option<String>,
    /// How long a good answer is believed, at most a minute and never past the token's end.
    pub active_for: Duration,
    /// How long a bad answer is.
    pub inactive_for: Duration,
    /// Of how many tokens good answers are kept, and of how many bad ones.
    pub max_kept: usize,
    /// How many tokens are asked about at once, besides those that were good before; calls with more get 503.
    pub max_in_flight: usize,
    /// How long nobody asks about new tokens after the endpoint failed to answer about several in a row.
    pub pause: Duration,
}

impl IntrospectionConfig {
    /// The longest that a good answer is believed: so long an ended token may go on working.
    pub const LONGEST: Duration = Duration::from_secs(60);

    /// By discovery, as this client: good answers are believed for 30 seconds, bad ones for ten; answers of 10,000 good
    /// and 10,000 bad tokens are kept, 64 are asked about at once, and for one second after three failures
    /// none is that was not good before.
    pub fn of(client_id: impl Into<String>, client_secret: Secret) -> Self {
        Self {
            endpoint: None,
            client_id: client_id.into(),
            client_secret: Arc::new(client_secret),
            authentication: None,
            signed_tokens: false,
            prefix: None,
            active_for: Duration::from_secs(30),
            inactive_for: Duration::from_secs(10),
            max_kept: 10_000,
            max_in_flight: 64,
            pause: Duration::from_secs(1),
        }
    }
}

/// How a client proves itself (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// In the `Authorization` header.
    Basic,
    /// In the body.
    Post,
}
