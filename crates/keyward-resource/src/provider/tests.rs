use std::time::Duration;

use keyward_core::clock::ManualClock;
use keyward_core::resource::ResourceUri;
use keyward_outbound::ClientConfig;
use serde_json::json;

use super::*;
use crate::jwt::Algorithm;
use crate::testing::host::{Host, client, client_with};
use crate::testing::{NOW, RESOURCE, Signer, claims};
use crate::{
    Principal, ProtectedResource, ProtectedResourceConfig, TokenError, TrustedIssuer, Verifier, VerifierConfig,
};

mod bad_answers;
mod discovery;
mod log;
mod odd_keys;
mod outage;

const METADATA: &str = "/.well-known/oauth-authorization-server";

/// A provider, and a verifier that takes its tokens.
struct World {
    clock: ManualClock,
    provider: Provider,
    verifier: Verifier,
    resource: ProtectedResource,
}

impl World {
    fn of(host: &Host) -> Self {
        Self::with(config(&host.origin), client())
    }

    fn with(config: ProviderConfig, client: Client) -> Self {
        let clock = ManualClock::new(Timestamp::from_seconds(NOW));
        let provider = Provider::new(config, client, Clock::Manual(clock.clone()));
        let trusted = TrustedIssuer {
            algorithms: provider.0.config.algorithms.clone(),
            introspection: provider.introspection(),
            ..TrustedIssuer::of(provider.issuer(), provider.keys())
        };
        let rules = VerifierConfig { issuers: vec![trusted], ..VerifierConfig::default() };
        let verifier = Verifier::new(rules, Clock::Manual(clock.clone()));
        let resource = ProtectedResourceConfig::of(ResourceUri::parse(RESOURCE).expect(RESOURCE));
        Self { clock, provider, verifier, resource: ProtectedResource::new(resource) }
    }

    /// A token of `signer` by this issuer, verified anew.
    async fn call(&self, signer: &Signer) -> Result<(), TokenError> {
        self.verifier.invalidate();
        self.verify(&self.token(signer)).await.map(drop)
    }

    fn token(&self, signer: &Signer) -> String {
        let now = self.clock.now().as_seconds();
        let mut claims = claims();
        claims["iss"] = self.provider.issuer().as_ref().into();
        (claims["iat"], claims["exp"]) = (now.into(), (now + 600).into());
        signer.sign(&signer.header(), &claims)
    }

    async fn verify(&self, token: &str) -> Result<Arc<Principal>, TokenError> {
        self.verifier.verify(token, &self.resource).await
    }

    fn seconds_pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn state(&self) -> ProviderState {
        self.provider.status().state
    }

    fn reason(&self) -> String {
        self.provider.status().reason.unwrap_or_default()
    }
}

/// Of the issuer at `origin`, tried again at once.
fn config(origin: &str) -> ProviderConfig {
    let soon = Duration::from_millis(5);
    ProviderConfig { retry: (soon, soon), ..ProviderConfig::of(origin) }
}

fn signer(kid: &'static str) -> Signer {
    Signer::new(kid, Algorithm::EdDsa)
}

/// Waits until the background has brought it about; the test's own deadline ends what never comes.
async fn until(what: impl Fn() -> bool) {
    while !what() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
