//! A second Keyward as the provider at which people log in. What it says of their addresses the configuration must believe:
//! whoever makes an account there by a link without an address says their own.

use anyhow::{Context, Result, bail};
use keyward_e2e::client::Client;
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::http::Request;
use keyward_e2e::person::{Person, sign_up};
use keyward_e2e::wait;
use serde_json::Value;

use crate::broker::{LoginClient, Way, connect, go, scene_at};
use crate::direct::free_address;
use crate::scene::Scene;

/// The first, the second, and somebody with an account there.
fn scene(at_second: &str, at_first: &str) -> Result<(Scene, Scene, Person)> {
    scene_with(Configuration::sqlite().issuer(at_second), |_| at_first.to_owned())
}

fn scene_with(second: Configuration, at_first: impl FnOnce(&Scene) -> String) -> Result<(Scene, Scene, Person)> {
    let second = Scene::new(second)?;
    let (person, _) = sign_up(&second.keyward)?;
    let address = free_address()?;
    let redirect_uri = format!("http://{address}/login/callback");
    let added = ["client", "add", "--name", "The first", "--redirect-uri", &redirect_uri, "--confidential"];
    let added = second.keyward.list(&added)?;
    let text = |name: &str| added[name].as_str().context(name.to_owned());
    let client = LoginClient { issuer: second.keyward.url(), id: text("client_id")?, secret: text("client_secret")? };
    let at_first = format!("claims.email_always_verified = true\n{}", at_first(&second));
    let first = scene_at(address, &client, &at_first)?;
    Ok((first, second, person))
}

/// As the documentation has it: refresh tokens come without being asked for, too.
fn log_in_and_call(client: Client) -> Result<()> {
    let (first, _second, person) = scene("", "scopes = [\"openid\", \"email\"]")?;
    go(client, &first, &person, &["login", "consent"], Way::LogInAndCall).map(drop)
}

#[test]
fn broker_second_keyward_typescript_1() -> Result<()> {
    log_in_and_call(Client::TypeScript1)
}

#[test]
fn broker_second_keyward_typescript_2() -> Result<()> {
    let (first, _second, person) = scene("access_token_lifetime = \"5s\"", "access_token_lifetime = \"5s\"")?;
    go(Client::TypeScript2, &first, &person, &["login", "consent"], Way::AndRefresh)?;
    let refreshed = first.keyward.records("connection.refresh", 1)?;
    assert_eq!(refreshed[0]["result"], "ok", "it was asked there whether the login stands: {refreshed:?}");
    Ok(())
}

/// Where the second has several servers, its tokens are for one that has to be named.
#[test]
fn broker_second_keyward_python() -> Result<()> {
    let second = Configuration::sqlite().behind(&Server::new("other", "http://127.0.0.1:9/mcp"));
    let at_first = |second: &Scene| format!("resource_parameter = {:?}", second.resource());
    let (first, _second, person) = scene_with(second, at_first)?;
    go(Client::Python, &first, &person, &["login", "consent"], Way::LogInAndCall).map(drop)
}

#[test]
fn broker_second_keyward_rmcp() -> Result<()> {
    log_in_and_call(Client::Rmcp)
}

/// Closed there, an account is closed here as soon as the second has to be asked.
#[test]
fn an_account_that_is_closed_at_a_second_keyward_ends_at_the_first() -> Result<()> {
    let (first, second, person) = scene("access_token_lifetime = \"3s\"", "sign_up = \"open\"")?;
    let connected = connect(&first, &person)?;
    let mut refresh_token = connected.refresh;
    let mut refresh = || -> Result<Option<String>> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.as_str()),
            ("client_id", &connected.client_id),
        ];
        let answer = first.keyward.send(&Request::form("/token", &fields))?;
        let json = answer.json()?;
        match (answer.status, json["error"].as_str()) {
            (200, _) => refresh_token = json["refresh_token"].as_str().context("no refresh token")?.to_owned(),
            (400, Some("invalid_grant")) => return Ok(Some("ended".to_owned())),
            _ => bail!("{} {json}", answer.status),
        }
        Ok(None)
    };
    assert_eq!(refresh()?, None, "it goes on");
    second.keyward.run_ok(&["user", "disable", &person.email], "")?;
    wait::until("the end to be heard of", refresh)?;
    assert_eq!(first.status_with(&connected.access)?, 401, "what the client has in hand ended, too");
    let ended = first.keyward.records("grant.revoke", 1)?;
    let detail: Value = serde_json::from_str(ended[0]["detail"].as_str().unwrap_or_default()).unwrap_or_default();
    assert_eq!(detail["reason"], "provider_refused", "{ended:?}");
    Ok(())
}
