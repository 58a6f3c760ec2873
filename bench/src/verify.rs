//! Verification of a token of an issuer elsewhere beside one of the embedded issuer: the same tokens, once with keys that
//! were fetched and once with keys at hand.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use futures_util::FutureExt;
use keyward_core::clock::Clock;
use keyward_core::resource::ResourceUri;
use keyward_outbound::{Client, ClientConfig, Guard, Ports, TlsConnector};
use keyward_resource::{
    KeySet, KeySource, NamedClaim, ProtectedResource, ProtectedResourceConfig, Provider, ProviderConfig, TrustedIssuer,
    Verifier, VerifierConfig,
};

use crate::comparison::Comparison;
use crate::timing::{Way, by_turns};
use crate::tokens::ISSUER;

/// `directory` has the tokens and the key set, which is also at `jwks_uri`.
pub(crate) fn compare(directory: &Path, jwks_uri: &str, resource: &str, rounds: u32) -> Result<Vec<Comparison>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let _inside = runtime.enter();
    let tokens = std::fs::read_to_string(directory.join("es256.txt"))?;
    let tokens: Vec<&str> = tokens.lines().collect();
    let resource = ProtectedResource::new(ProtectedResourceConfig::of(ResourceUri::parse(resource)?));

    let keys = KeySet::from_jwks(&std::fs::read(directory.join("jwks.json"))?)?;
    let embedded = verifier(TrustedIssuer::own(ISSUER, KeySource::Local(Arc::new(Arc::new(keys).into()))));
    let client = ClientConfig { guard: Guard::Any, ports: Ports::Any, ..ClientConfig::default() };
    let client = Client::new(client, TlsConnector::system());
    let config = ProviderConfig { jwks_uri: Some(jwks_uri.parse()?), ..ProviderConfig::of(ISSUER) };
    let provider = Provider::new(config, client, Clock::System);
    let plain = TrustedIssuer::of(ISSUER, provider.keys());
    let mut mapped = plain.clone();
    mapped.claims.named.push(NamedClaim { claim: "/realm_access/roles".parse()?, prefix: "role:".into() });
    let (plain, mapped) = (verifier(plain), verifier(mapped));

    for verifier in [&embedded, &plain, &mapped] {
        let token = tokens.first().context("no tokens")?;
        runtime.block_on(verifier.verify(token, &resource)).map_err(|error| anyhow!("not verified: {error:?}"))?;
    }
    let different = |verifier: &Verifier, next: &Cell<usize>| -> Result<()> {
        let token = tokens[next.get() % tokens.len()];
        next.set(next.get() + 1);
        let verified = verifier.verify(token, &resource).now_or_never().context("verification waited")?;
        verified.map(drop).map_err(|error| anyhow!("not verified: {error:?}"))
    };
    let again = |verifier: &Verifier| -> Result<()> {
        let found = verifier.try_cached(tokens[0], &resource);
        found.map(drop).context("a token that was just verified is not remembered")
    };
    let (ours, theirs, mapping) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let figures = by_turns(
        &mut [
            Way::new(|| different(&plain, &ours)),
            Way::new(|| different(&embedded, &theirs)),
            Way::new(|| different(&mapped, &mapping)),
        ],
        rounds,
    )?;
    for verifier in [&plain, &embedded] {
        runtime.block_on(verifier.verify(tokens[0], &resource)).map_err(|error| anyhow!("not verified: {error:?}"))?;
    }
    let remembered = by_turns(&mut [Way::new(|| again(&plain)), Way::new(|| again(&embedded))], rounds)?;
    Ok(vec![
        Comparison::of_times("new token, issuer elsewhere / embedded issuer", figures[0], figures[1], 0.95),
        Comparison::of_times("the same with a mapped claim / embedded issuer", figures[2], figures[1], 0.9),
        Comparison::of_times("known token, issuer elsewhere / embedded", remembered[0], remembered[1], 0.95),
    ])
}

fn verifier(issuer: TrustedIssuer) -> Verifier {
    Verifier::new(VerifierConfig { issuers: vec![issuer], ..VerifierConfig::default() }, Clock::System)
}
