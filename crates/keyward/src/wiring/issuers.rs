//! The issuers of the configuration, as the verifier and the protected resources' documents name them.

mod claims;

use std::sync::Arc;

use anyhow::Context;
use keyward_core::clock::Clock;
use keyward_outbound::{Client, ClientConfig, Guard, Ports, TlsConnector};
use keyward_resource::{
    Algorithm, AudienceRule, IntrospectionConfig, KeySource, ListedAudience, Provider, ProviderConfig, TrustedIssuer,
    TypeRule,
};
use url::Url;

use super::layout::{Layout, PlacedServer};
use super::secret;
use super::verifier::Live;
use crate::config::{self, AccountRule, Config, ElsewhereIssuer, IssuerKind, Loaded, NamedIssuer, TextValue};

/// The issuers whose tokens are taken.
#[derive(Debug, Default)]
pub(crate) struct Issuers {
    /// For the verifier.
    pub(crate) trusted: Vec<TrustedIssuer>,
    /// Those elsewhere, the primary one first.
    pub(crate) providers: Vec<Provider>,
}

/// Those of the configuration. Nothing is fetched yet.
pub(crate) fn open(loaded: &Loaded, layout: &Layout, live: &Live, clock: &Clock) -> anyhow::Result<Issuers> {
    let mut issuers = Issuers::default();
    for issuer in loaded.config.issuers() {
        let resources = resources(layout, |server| issuer.serves(&server.config));
        let resources = (resources.len() < layout.servers.len()).then_some(resources);
        match issuer {
            NamedIssuer::Embedded => {
                let keys = KeySource::Local(Arc::clone(&live.own_keys));
                issuers.trusted.push(TrustedIssuer { resources, ..TrustedIssuer::own(&layout.public_url, keys) });
            }
            NamedIssuer::Elsewhere(named) => {
                let algorithms = algorithms(named);
                let provider = provider(loaded, named, algorithms.clone(), Use::Tokens, clock)?;
                let trusted = TrustedIssuer { resources, algorithms, ..elsewhere(layout, named, &provider) };
                // Stytch's own name for a project, which tokens bear that were had at Stytch's own domain.
                let project = named.provider.project_id.as_ref().filter(|_| named.kind == IssuerKind::Stytch);
                issuers.trusted.extend(project.map(|id| TrustedIssuer {
                    issuer: format!("stytch.com/{id}").into(),
                    introspection: None,
                    ..trusted.clone()
                }));
                issuers.trusted.push(trusted);
                issuers.providers.push(provider);
            }
        }
    }
    Ok(issuers)
}

/// The authorization servers of a server, as its metadata document lists them: clients take the first.
pub(crate) fn authorization_servers(config: &Config, layout: &Layout, server: &PlacedServer) -> Vec<String> {
    let serving = config.issuers().filter(|issuer| issuer.serves(&server.config));
    let identifier = |issuer: NamedIssuer<'_>| match issuer {
        NamedIssuer::Embedded => layout.public_url.clone(),
        NamedIssuer::Elsewhere(elsewhere) => elsewhere.issuer(),
    };
    serving.map(identifier).collect()
}

fn elsewhere(layout: &Layout, named: ElsewhereIssuer<'_>, provider: &Provider) -> TrustedIssuer {
    let preset = named.preset();
    let usually = preset.is_none_or(|preset| preset.type_rule == TypeRule::Required);
    let strictly = named.provider.require_typ.unwrap_or(usually);
    TrustedIssuer {
        introspection: provider.introspection(),
        type_rule: if strictly { TypeRule::Required } else { TypeRule::Tolerant },
        audience: audience(layout, named),
        claims: claims::map(named),
        accounts_by_email: named.provider.accounts == Some(AccountRule::Email),
        ..TrustedIssuer::of(provider.issuer(), provider.keys())
    }
}

fn algorithms(named: ElsewhereIssuer<'_>) -> Vec<Algorithm> {
    match (&named.provider.algorithms, named.preset()) {
        (Some(given), _) => given.iter().map(algorithm).collect(),
        (None, Some(preset)) => preset.algorithms.to_vec(),
        (None, None) => vec![Algorithm::Es256, Algorithm::Rs256],
    }
}

fn resources(layout: &Layout, which: impl Fn(&PlacedServer) -> bool) -> Vec<Box<str>> {
    layout.servers.iter().filter(|server| which(server)).map(|server| server.resource.as_str().into()).collect()
}

/// A server with audiences of its own is not meant by what stands for several.
fn audience(layout: &Layout, named: ElsewhereIssuer<'_>) -> AudienceRule {
    let shared = resources(layout, |server| server.config.audiences.is_empty());
    let shared = named
        .shared_audiences()
        .map(|audience| ListedAudience { audience: audience.into(), resources: shared.clone() });
    let own = layout.servers.iter().flat_map(|server| {
        let resources = vec![server.resource.as_str().into()];
        let listed = move |audience: &String| ListedAudience {
            audience: audience.as_str().into(),
            resources: resources.clone(),
        };
        server.config.audiences.iter().map(listed)
    });
    AudienceRule { listed: shared.chain(own).collect() }
}

/// What a provider is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Its access tokens are taken.
    Tokens,
    /// People log in there.
    Logins,
}

pub(super) fn provider(
    loaded: &Loaded,
    named: ElsewhereIssuer<'_>,
    algorithms: Vec<Algorithm>,
    what_for: Use,
    clock: &Clock,
) -> anyhow::Result<Provider> {
    let section = named.provider;
    let url = |given: &Option<config::Text<config::IssuerUrl>>| {
        given.as_ref().map(|given| Url::parse(&given.0.to_text())).transpose().context("the URL of an issuer")
    };
    let mut config = ProviderConfig {
        metadata_url: url(&section.metadata_url)?,
        jwks_uri: url(&section.jwks_uri)?,
        endpoints_needed: what_for == Use::Logins,
        algorithms,
        ..ProviderConfig::of(named.issuer())
    };
    if let Some(period) = &section.keys_usable_for {
        config.max_stale = period.0.0;
    }
    if let Some(introspection) = &section.introspection {
        let whose = format!("introspection at {}: client_secret", config.issuer);
        let secret = secret::read(loaded, &introspection.client_secret.0, &whose)?;
        config.introspection = Some(IntrospectionConfig {
            endpoint: url(&introspection.endpoint)?,
            prefix: introspection.prefix.clone(),
            signed_tokens: introspection.signed_tokens,
            ..IntrospectionConfig::of(introspection.client_id.clone(), secret)
        });
    }
    // Where everything is named by the operator, an address inside the own network is as good as any; what metadata names
    // is the issuer's word.
    let asks_metadata =
        config.jwks_uri.is_none() || config.introspection.as_ref().is_some_and(|it| it.endpoint.is_none());
    let here = config.issuer.starts_with("http://");
    let guard = match what_for {
        // As for the endpoints that browsers and codes go to, or one would be ready and the other not.
        Use::Logins if !section.allow_private_addresses => Guard::PublicOnly,
        Use::Tokens if asks_metadata && !section.allow_private_addresses && !here => Guard::PublicOnly,
        _ => Guard::Any,
    };
    let client =
        Client::new(ClientConfig { guard, ports: Ports::Any, ..ClientConfig::default() }, TlsConnector::system());
    Ok(Provider::new(config, client, clock.clone()))
}

pub(super) const fn algorithm(algorithm: &config::Algorithm) -> Algorithm {
    match algorithm {
        config::Algorithm::Es256 => Algorithm::Es256,
        config::Algorithm::Es384 => Algorithm::Es384,
        config::Algorithm::Es512 => Algorithm::Es512,
        config::Algorithm::Rs256 => Algorithm::Rs256,
        config::Algorithm::Rs384 => Algorithm::Rs384,
        config::Algorithm::Rs512 => Algorithm::Rs512,
        config::Algorithm::Ps256 => Algorithm::Ps256,
        config::Algorithm::Ps384 => Algorithm::Ps384,
        config::Algorithm::Ps512 => Algorithm::Ps512,
        config::Algorithm::EdDsa => Algorithm::EdDsa,
    }
}
