//! An application on `better-auth` in direct mode, by its preset.

use anyhow::Result;
use keyward_e2e::client::Client;
use keyward_e2e::provider::{Provider, people};
use serde_json::json;

use crate::direct::{LIFETIME_S, ada, free_address, oidc, resource_at, scene_at, way_without_refresh, whole_way};

fn better_auth(client: Client) -> Result<()> {
    let address = free_address()?;
    let provider = Provider::better_auth(&json!({
        "resources": [resource_at(address)], "people": people(&[&ada()]), "access_token_seconds": LIFETIME_S,
    }))?;
    let scene = scene_at(address, &oidc(&provider.issuer, "preset = \"better-auth\""))?;
    // Refresh tokens are for those who ask for `offline_access`, which `@modelcontextprotocol/sdk` 1.x never does.
    let way = if client == Client::TypeScript1 { way_without_refresh } else { whole_way };
    way(client, &scene, &provider.issuer).map(|_| ())
}

#[test]
fn direct_better_auth_typescript_1() -> Result<()> {
    better_auth(Client::TypeScript1)
}

#[test]
fn direct_better_auth_typescript_2() -> Result<()> {
    better_auth(Client::TypeScript2)
}

#[test]
fn direct_better_auth_python() -> Result<()> {
    better_auth(Client::Python)
}

#[test]
fn direct_better_auth_rmcp() -> Result<()> {
    better_auth(Client::Rmcp)
}
