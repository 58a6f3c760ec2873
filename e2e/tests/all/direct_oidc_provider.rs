//! `oidc-provider` in direct mode, with JWT access tokens and with opaque ones.

use anyhow::Result;
use keyward_e2e::client::Client;
use keyward_e2e::provider::Provider;
use serde_json::json;

use crate::direct::{LIFETIME_S, free_address, oidc, scene_at, whole_way};

fn with_jwts(client: Client) -> Result<()> {
    let provider = Provider::oidc(&json!({ "access_token_seconds": LIFETIME_S }))?;
    let scene = scene_at(free_address()?, &oidc(&provider.issuer, ""))?;
    whole_way(client, &scene, &provider.issuer).map(|_| ())
}

#[test]
fn direct_oidc_provider_typescript_1() -> Result<()> {
    with_jwts(Client::TypeScript1)
}

#[test]
fn direct_oidc_provider_typescript_2() -> Result<()> {
    with_jwts(Client::TypeScript2)
}

#[test]
fn direct_oidc_provider_python() -> Result<()> {
    with_jwts(Client::Python)
}

#[test]
fn direct_oidc_provider_rmcp() -> Result<()> {
    with_jwts(Client::Rmcp)
}
