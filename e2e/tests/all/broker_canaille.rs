//! Canaille in broker mode: people log in there, and clients get Keyward's own tokens. It marks no e-mail as verified, so the
//! configuration has to say that they are.

use anyhow::Result;
use keyward_e2e::client::{Client, script};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::jwt;
use keyward_e2e::provider::{Provider, people};
use serde_json::json;

use crate::direct::{ada, free_address};
use crate::scene::Scene;

#[test]
fn broker_canaille_typescript_2() -> Result<()> {
    let address = free_address()?;
    let provider = Provider::canaille(&json!({
        "people": people(&[&ada()]),
        "clients": [{
            "client_id": "keyward", "client_secret": "s3cret", "redirect_uris": [format!("http://{address}/login/callback")],
        }],
    }))?;
    let lines = format!(
        "kind = \"oidc\"\nissuer = {:?}\nbroker = true\nclient_id = \"keyward\"\nclient_secret = \"env:IDP_SECRET\"\n\
         scopes = [\"openid\", \"email\"]\nalgorithms = [\"RS512\"]\nallow_private_addresses = true\nsign_up = \"open\"\n\
         claims.email_always_verified = true",
        provider.issuer
    );
    let configuration = Configuration::sqlite().server(&format!("public_url = \"http://{address}\"")).issuer(&lines);
    let scene = Scene::with(configuration, |keyward| {
        keyward.set_environment("KEYWARD__SERVER__LISTEN", &address.to_string());
        keyward.set_environment("IDP_SECRET", "s3cret");
        Ok(())
    })?;
    let steps = [json!({ "do": "login" }), json!({ "do": "call", "tool": "read_note" })];
    let mut script = script(&scene.resource(), &ada(), &steps);
    script["person"]["provider_login"] = json!("ada");
    let transcript = Client::TypeScript2.run(&script)?;
    assert_eq!(transcript.called(1), "the note");
    for token in transcript.events("token") {
        let access_token = token["answer"]["access_token"].as_str().unwrap_or_default();
        assert_eq!(jwt::claims(access_token)?["iss"], scene.keyward.url(), "a token of the provider's");
    }
    Ok(())
}
