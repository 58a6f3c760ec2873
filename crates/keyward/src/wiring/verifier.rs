//! The resource server's half: whose tokens are good.

use std::sync::Arc;

use arc_swap::ArcSwap;
use keyward_core::clock::Clock;
use keyward_outbound::{Client, ClientConfig, Guard, Ports, TlsConnector};
use keyward_resource::{
    Algorithm, KeySet, KeySource, Provider, ProviderConfig, Revocations, StaticTokens, TrustedIssuer, TypeRule,
    Verifier, VerifierConfig,
};
use url::Url;

use super::layout::Layout;
use crate::config::{self, Config, TextValue};

/// What changes while the verifier is in use; each part is a handle on what it holds.
#[derive(Clone, Default)]
pub(crate) struct Live {
    /// The embedded issuer's keys.
    pub(crate) own_keys: Arc<ArcSwap<KeySet>>,
    /// Development bearer tokens.
    pub(crate) static_tokens: StaticTokens,
    /// Grants that were ended.
    pub(crate) revocations: Revocations,
}

/// A verifier that takes the embedded issuer's tokens and those of `[[trusted_issuers]]`.
pub(crate) fn verifier(config: &Config, layout: &Layout, live: &Live, clock: &Clock) -> anyhow::Result<Verifier> {
    let own_keys = KeySource::Local(Arc::clone(&live.own_keys));
    let mut issuers = vec![TrustedIssuer::own(&layout.public_url, own_keys)];
    for trusted in &config.trusted_issuers {
        let url = Url::parse(&trusted.jwks_uri.0.to_text())?;
        // The operator names these addresses; one inside the own network is as good as any.
        let client = Client::new(
            ClientConfig { guard: Guard::Any, ports: Ports::Any, ..ClientConfig::default() },
            TlsConnector::system(),
        );
        let provider = ProviderConfig {
            jwks_uri: Some(url),
            algorithms: trusted.algorithms.iter().map(algorithm).collect(),
            ..ProviderConfig::of(trusted.issuer.0.to_text())
        };
        let algorithms = provider.algorithms.clone();
        let provider = Provider::new(provider, client, clock.clone());
        issuers.push(TrustedIssuer {
            algorithms,
            introspection: provider.introspection(),
            type_rule: if trusted.require_typ { TypeRule::Required } else { TypeRule::Tolerant },
            ..TrustedIssuer::of(provider.issuer(), provider.keys())
        });
    }
    let config = VerifierConfig {
        issuers,
        static_tokens: live.static_tokens.clone(),
        revocations: live.revocations.clone(),
        hierarchy: layout.hierarchy.clone(),
        ..VerifierConfig::default()
    };
    Ok(Verifier::new(config, clock.clone()))
}

const fn algorithm(algorithm: &config::Algorithm) -> Algorithm {
    match algorithm {
        config::Algorithm::Es256 => Algorithm::Es256,
        config::Algorithm::Rs256 => Algorithm::Rs256,
        config::Algorithm::Ps256 => Algorithm::Ps256,
        config::Algorithm::EdDsa => Algorithm::EdDsa,
    }
}
