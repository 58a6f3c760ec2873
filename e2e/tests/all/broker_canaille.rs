//! Canaille in broker mode: people log in there, and clients get Keyward's own tokens. It marks no e-mail as verified, so the
//! configuration has to say that they are.

use anyhow::Result;
use keyward_e2e::client::{Client, script};
use keyward_e2e::jwt;
use keyward_e2e::provider::{Provider, people};
use serde_json::json;

use crate::broker::{LoginClient, scene_at};
use crate::direct::{ada, free_address};

fn log_in_and_call(client: Client) -> Result<()> {
    let address = free_address()?;
    let provider = Provider::canaille(&json!({
        "people": people(&[&ada()]),
        "clients": [{
            "client_id": "keyward", "client_secret": "s3cret", "redirect_uris": [format!("http://{address}/login/callback")],
        }],
    }))?;
    let keyward = LoginClient { issuer: &provider.issuer, id: "keyward", secret: "s3cret" };
    let more = "algorithms = [\"RS512\"]\nsign_up = \"open\"\nclaims.email_always_verified = true";
    let scene = scene_at(address, &keyward, more)?;
    let steps = [json!({ "do": "login" }), json!({ "do": "call", "tool": "read_note" })];
    let mut script = script(&scene.resource(), &ada(), &steps);
    script["person"]["provider_login"] = json!("ada");
    let transcript = client.run(&script)?;
    assert_eq!(transcript.called(1), "the note");
    for token in transcript.events("token") {
        let access_token = token["answer"]["access_token"].as_str().unwrap_or_default();
        assert_eq!(jwt::claims(access_token)?["iss"], scene.keyward.url(), "a token of the provider's");
    }
    Ok(())
}

#[test]
fn broker_canaille_typescript_1() -> Result<()> {
    log_in_and_call(Client::TypeScript1)
}

#[test]
fn broker_canaille_typescript_2() -> Result<()> {
    log_in_and_call(Client::TypeScript2)
}

#[test]
fn broker_canaille_python() -> Result<()> {
    log_in_and_call(Client::Python)
}

#[test]
fn broker_canaille_rmcp() -> Result<()> {
    log_in_and_call(Client::Rmcp)
}
