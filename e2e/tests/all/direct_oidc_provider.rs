//! `oidc-provider` in direct mode, with JWT access tokens and with opaque ones.

use std::fs;

use anyhow::{Context, Result, ensure};
use keyward_e2e::client::Client;
use keyward_e2e::configuration::Configuration;
use keyward_e2e::provider::Provider;
use serde_json::json;

use crate::direct::{LIFETIME_S, free_address, oidc, scene_at, whole_way};
use crate::scene::{Scene, initialize};

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

/// Nothing in the token says anything: the provider is asked about it (RFC 7662).
fn with_opaque_tokens(client: Client) -> Result<()> {
    let provider = Provider::oidc(&json!({
        "access_token_seconds": LIFETIME_S, "opaque": true,
        "clients": [{ "client_id": "keyward", "client_secret": "s3cret" }],
    }))?;
    let introspection =
        "[issuer.introspection]\nclient_id = \"keyward\"\nclient_secret = \"file:introspection-secret\"\n";
    let configuration = Configuration::sqlite().issuer(&oidc(&provider.issuer, introspection));
    let scene = Scene::with(configuration, |keyward| Ok(fs::write(keyward.path("introspection-secret"), "s3cret\n")?))?;
    let transcript = whole_way(client, &scene, &provider.issuer)?;
    for token in transcript.events("token").into_iter().filter(|token| token["status"] == 200) {
        let access_token = token["answer"]["access_token"].as_str().context("access_token")?;
        ensure!(!access_token.contains('.'), "not opaque: {access_token}");
    }
    let answer = scene.keyward.send(&initialize("/notes/mcp").bearer("nobody-issued-this-token-0123456789"))?;
    assert_eq!(answer.status, 401);
    Ok(())
}

#[test]
fn direct_oidc_provider_opaque_typescript_2() -> Result<()> {
    with_opaque_tokens(Client::TypeScript2)
}

#[test]
fn direct_oidc_provider_opaque_python() -> Result<()> {
    with_opaque_tokens(Client::Python)
}
