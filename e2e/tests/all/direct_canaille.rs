//! Canaille in direct mode. Its access tokens are signed and look like its ID tokens, without a scope and often without a
//! `sub`, so it is asked about each; and it tells a resource server only of tokens of clients that somebody prepared.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use keyward_e2e::client::{Client, script};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::jwt;
use keyward_e2e::provider::{Provider, people};
use serde_json::{Value, json};

use crate::direct::{ada, free_address, oidc, only_the_provider_is_named};
use crate::scene::{SERVICE_TOKEN, Scene};

const AUDIENCE: &str = "audience = [\"keyward\"]";
const INTROSPECTION: &str =
    "[issuer.introspection]\nclient_id = \"keyward\"\nclient_secret = \"file:introspection-secret\"\n";

fn scene(provider: &Provider, introspection: &str) -> Result<Scene> {
    let lines = oidc(&provider.issuer, &format!("{AUDIENCE}\nclaims.required = [\"scope\"]\n{introspection}"));
    Scene::with(Configuration::sqlite().issuer(&lines), |keyward| {
        Ok(fs::write(keyward.path("introspection-secret"), "s3cret\n")?)
    })
}

/// What the person gives a client at hand that registered itself nowhere.
fn prepared_client(folder: &Path, redirect_uri: &str) -> Result<String> {
    let store = folder.join("client.json");
    let client = json!({ "client": { "client_id": "mcp", "redirect_uris": [redirect_uri] } });
    fs::write(&store, client.to_string())?;
    Ok(store.display().to_string())
}

fn canaille(client: Client) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let port = free_address()?.port();
    let redirect_uri = format!("http://127.0.0.1:{port}/callback");
    let provider = Provider::canaille(&json!({
        "people": people(&[&ada()]),
        "clients": [
            { "client_id": "keyward", "client_secret": "s3cret" },
            {
                "client_id": "mcp", "redirect_uris": [redirect_uri], "audience": ["mcp", "keyward"],
                "scope": ["openid", "email", "notes:read", "notes:write"],
            },
        ],
    }))?;
    let scene = scene(&provider, &format!("{INTROSPECTION}signed_tokens = true\n"))?;
    only_the_provider_is_named(&scene, &provider.issuer)?;
    let steps = [
        json!({ "do": "login" }),
        json!({ "do": "list_tools" }),
        json!({ "do": "call", "tool": "arrived_headers" }),
        json!({ "do": "call", "tool": "delete_note" }),
    ];
    let mut script = script(&scene.resource(), &ada(), &steps);
    script["person"]["provider_login"] = json!("ada");
    script["store"] = json!(prepared_client(folder.path(), &redirect_uri)?);
    script["redirect_port"] = json!(port);
    let transcript = client.run(&script)?;
    let arrived: Value = serde_json::from_str(transcript.called(2))?;
    assert_eq!(arrived["authorization"], format!("Bearer {SERVICE_TOKEN}"));
    assert_eq!(transcript.called(3), "deleted");

    let mut tokens = transcript.events("token").into_iter().filter(|token| token["status"] == 200);
    let token =
        tokens.next_back().context("a token")?["answer"]["access_token"].as_str().context("a token")?.to_owned();
    ensure!(jwt::claims(&token)?["scope"] == Value::Null, "a token that says its scope needs no asking");
    // Who does not ask does not know, and what the provider never issued it says it does not know.
    assert_eq!(self::scene(&provider, "")?.status_with(&token)?, 401);
    let forged = jwt::with_claims(&token, &json!({ "iss": provider.issuer, "sub": "ada", "scope": "notes:read" }))?;
    assert_eq!(scene.status_with(&forged)?, 401);
    assert_eq!(scene.status_with(&token)?, 200);
    Ok(())
}

#[test]
fn direct_canaille_typescript_1() -> Result<()> {
    canaille(Client::TypeScript1)
}

#[test]
fn direct_canaille_typescript_2() -> Result<()> {
    canaille(Client::TypeScript2)
}

#[test]
fn direct_canaille_python() -> Result<()> {
    canaille(Client::Python)
}
