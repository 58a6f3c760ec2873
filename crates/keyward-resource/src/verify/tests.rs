use arc_swap::ArcSwap;
use keyward_core::clock::{ManualClock, Timestamp};
use keyward_core::resource::ResourceUri;

use super::*;
use crate::ProtectedResourceConfig;
use crate::jwks::KeySource;
use crate::jwt::{Algorithm, TypeRule};
use crate::testing::{ISSUER, NOW, RESOURCE, Signer, key_set};

mod caching;
mod elsewhere;
mod presets;
mod static_tokens;
mod tokens;
mod vectors;

const OTHER_ISSUER: &str = "https://other-issuer.example";
const OTHER_RESOURCE: &str = "https://mcp.example/other/mcp";

fn protected(resource: &str) -> ProtectedResource {
    ProtectedResource::new(ProtectedResourceConfig::of(ResourceUri::parse(resource).expect(resource)))
}

fn issuer(name: &str, signers: &[&Signer]) -> TrustedIssuer {
    let jwks: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
    let keys = KeySource::Local(Arc::new(ArcSwap::from_pointee(key_set(&jwks))));
    TrustedIssuer { algorithms: Algorithm::ALL.to_vec(), ..TrustedIssuer::own(name, keys) }
}

struct World {
    clock: ManualClock,
    verifier: Verifier,
    resource: ProtectedResource,
}

impl World {
    fn new(issuers: Vec<TrustedIssuer>) -> Self {
        Self::with(VerifierConfig { issuers, ..VerifierConfig::default() })
    }

    fn with(config: VerifierConfig) -> Self {
        let clock = ManualClock::new(Timestamp::from_seconds(NOW));
        let verifier = Verifier::new(config, Clock::Manual(clock.clone()));
        Self { clock, verifier, resource: protected(RESOURCE) }
    }

    async fn verify(&self, token: &str) -> Result<Arc<Principal>, TokenError> {
        self.verifier.verify(token, &self.resource).await
    }

    fn cached(&self, token: &str) -> bool {
        self.verifier.try_cached(token, &self.resource).is_some()
    }
}

fn es256() -> Signer {
    Signer::new("es", Algorithm::Es256)
}
