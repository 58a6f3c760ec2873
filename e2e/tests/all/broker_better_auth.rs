//! An application on `better-auth` in broker mode, by its preset: people log in there, clients get Keyward's own tokens.

use anyhow::Result;
use keyward_e2e::client::Client;
use keyward_e2e::provider::{Provider, people};
use serde_json::json;

use crate::broker::{LoginClient, Way, ends_with_a_logout, go, scene_at};
use crate::direct::{LIFETIME_S, ada, free_address};
use crate::scene::Scene;

fn scene(more: &str) -> Result<(Scene, Provider)> {
    let address = free_address()?;
    let (provider, id, secret) = Provider::better_auth_for_logins(&json!({
        "people": people(&[&ada()]),
        // Short, so that a client's refresh here is one there, too.
        "access_token_seconds": LIFETIME_S,
        "login_client": {
            "redirect_uri": format!("http://{address}/login/callback"),
            "backchannel_logout_uri": format!("http://{address}/login/backchannel_logout"),
        },
    }))?;
    let client = LoginClient { issuer: &provider.issuer, id: &id, secret: &secret };
    let scene = scene_at(address, &client, &format!("preset = \"better-auth\"\n{more}"))?;
    Ok((scene, provider))
}

fn log_in_and_call(client: Client) -> Result<()> {
    let (scene, _provider) = scene("")?;
    go(client, &scene, &ada(), &["login", "consent"], Way::LogInAndCall).map(drop)
}

#[test]
fn broker_better_auth_typescript_1() -> Result<()> {
    log_in_and_call(Client::TypeScript1)
}

#[test]
fn broker_better_auth_typescript_2() -> Result<()> {
    let (scene, _provider) = scene("access_token_lifetime = \"5s\"")?;
    go(Client::TypeScript2, &scene, &ada(), &["login", "consent"], Way::AndRefresh)?;
    let refreshed = scene.keyward.records("connection.refresh", 1)?;
    assert_eq!(refreshed[0]["result"], "ok", "it was asked there whether the login stands: {refreshed:?}");
    Ok(())
}

#[test]
fn broker_better_auth_python() -> Result<()> {
    log_in_and_call(Client::Python)
}

#[test]
fn broker_better_auth_rmcp() -> Result<()> {
    log_in_and_call(Client::Rmcp)
}

#[test]
fn broker_better_auth_tells_of_logouts() -> Result<()> {
    let (scene, provider) = scene("sign_up = \"open\"")?;
    let out = json!({
        "start": format!("http://{}/logout", provider.address()?), "click": ["button[name=logout]"],
        "email": "", "password": "",
    });
    ends_with_a_logout(&scene, &ada(), out)
}
