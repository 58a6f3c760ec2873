use std::time::Duration;

use keyward_core::clock::ManualClock;
use keyward_core::resource::ResourceUri;
use keyward_core::secret::Secret;
use serde_json::{Value, json};

use super::*;
use crate::provider::{Provider, ProviderConfig, ProviderState};
use crate::testing::host::{Host, client};
use crate::testing::{NOW, RESOURCE, Signer};
use crate::{
    Algorithm, ClientAuthentication, Principal, ProtectedResource, ProtectedResourceConfig, TokenKind, TrustedIssuer,
    Verifier, VerifierConfig,
};

mod asking;
mod keeping;
mod rules;

const METADATA: &str = "/.well-known/oauth-authorization-server";
const INTROSPECT: &str = "/introspect";

/// An issuer of opaque tokens, and who asks it.
struct World {
    host: Host,
    clock: ManualClock,
    provider: Provider,
}

impl World {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut IntrospectionConfig)) -> Self {
        let host = Host::start().await;
        host.json(METADATA, &json!({ "issuer": host.origin, "introspection_endpoint": host.url(INTROSPECT).as_str() }));
        let mut introspection = IntrospectionConfig::of("key ward", Secret::from_text("s:e cret".to_owned()));
        change(&mut introspection);
        let config = ProviderConfig { introspection: Some(introspection), ..ProviderConfig::of(host.origin.as_str()) };
        let clock = ManualClock::new(Timestamp::from_seconds(NOW));
        let provider = Provider::new(config, client(), Clock::Manual(clock.clone()));
        let world = Self { host, clock, provider };
        world.says(&good());
        world
    }

    fn says(&self, answer: &Value) {
        self.host.json(INTROSPECT, answer);
    }

    async fn ask(&self, token: &str) -> Result<(), TokenError> {
        self.provider.introspection().expect("it is configured").ask(token).await.map(drop)
    }

    fn asked(&self) -> usize {
        self.host.count(INTROSPECT)
    }

    fn seconds_pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn trusted(&self) -> TrustedIssuer {
        TrustedIssuer {
            algorithms: Algorithm::ALL.to_vec(),
            introspection: self.provider.introspection(),
            ..TrustedIssuer::of(self.provider.issuer(), self.provider.keys())
        }
    }

    fn verifier(&self, issuers: Vec<TrustedIssuer>) -> Calls {
        let rules = VerifierConfig { issuers, ..VerifierConfig::default() };
        let resource = ProtectedResourceConfig::of(ResourceUri::parse(RESOURCE).expect(RESOURCE));
        let verifier = Verifier::new(rules, Clock::Manual(self.clock.clone()));
        Calls { verifier, resource: ProtectedResource::new(resource) }
    }

    async fn call(&self, token: &str) -> Result<Arc<Principal>, TokenError> {
        self.verifier(vec![self.trusted()]).call(token).await
    }
}

struct Calls {
    verifier: Verifier,
    resource: ProtectedResource,
}

impl Calls {
    async fn call(&self, token: &str) -> Result<Arc<Principal>, TokenError> {
        self.verifier.verify(token, &self.resource).await
    }
}

/// A token for the resource that has ten minutes to live.
fn good() -> Value {
    json!({
        "active": true, "sub": "person", "aud": RESOURCE, "client_id": "client", "scope": "coda:read",
        "iat": NOW - 60, "exp": NOW + 600, "token_type": "Bearer",
    })
}

fn good_but(name: &str, value: Value) -> Value {
    let mut answer = good();
    answer[name] = value;
    answer
}
