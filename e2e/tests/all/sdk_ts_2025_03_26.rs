//! A client of the revision 2025-03-26, which looks for the authorization server on the host of the MCP server and names no
//! resource: `@modelcontextprotocol/sdk` 1.11.

use anyhow::{Context, Result};
use keyward_e2e::client::{Client, script};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::jwt;
use keyward_e2e::person::{Person, create_account};
use keyward_e2e::provider::Provider;
use serde_json::{Value, json};

use crate::direct::{LIFETIME_S, ada, free_address, oidc, only_the_provider_is_named, resource_at, scene_at};
use crate::scene::{SERVICE_TOKEN, Scene};

/// Login, list, call, refresh after expiry: more of OAuth that client does not know.
fn way(scene: &Scene, person: &Person, issuer: &str) -> Result<()> {
    let steps = [
        json!({ "do": "login" }),
        json!({ "do": "list_tools" }),
        json!({ "do": "call", "tool": "arrived_headers" }),
        json!({ "do": "wait_expiry", "margin_ms": 5500 }),
        json!({ "do": "call_until_refreshed", "tool": "read_note" }),
    ];
    let mut script = script(&scene.resource(), person, &steps);
    // It does not say so itself; without it a provider takes it for a web application.
    script["application_type"] = json!("native");
    let transcript = Client::TypeScript20250326.run(&script)?;
    assert_eq!(transcript.step(0)["protocol"], "2025-03-26");
    assert_eq!(transcript.step(1)["tools"].as_array().map(Vec::len), Some(3));
    let arrived: Value = serde_json::from_str(transcript.called(2))?;
    assert_eq!(arrived["authorization"], format!("Bearer {SERVICE_TOKEN}"));
    assert_eq!((transcript.called(4), &transcript.step(4)["authorizations"]), ("the note", &json!(0)));
    let sent: Vec<_> = transcript.events("authorization");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["asked"]["resource"], Value::Null, "it knows no resource: {}", sent[0]);
    assert!(sent[0]["endpoint"].as_str().is_some_and(|it| it.starts_with(issuer)), "{}", sent[0]);
    let tokens = transcript.events("token");
    assert!(tokens.len() >= 2, "login and refresh: {tokens:?}");
    for token in tokens {
        let access_token = token["answer"]["access_token"].as_str().context("no access token")?;
        let claims = jwt::claims(access_token)?;
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(issuer), &json!(scene.resource())));
    }
    Ok(())
}

#[test]
fn whole_way_embedded() -> Result<()> {
    let issuer = format!("access_token_lifetime = \"{LIFETIME_S}s\"");
    let scene = Scene::new(Configuration::sqlite().issuer(&issuer))?;
    let person = create_account(&scene.keyward)?;
    way(&scene, &person, scene.keyward.url())
}

/// The provider's metadata is mirrored where the client looks; for what it does not ask, the provider has defaults.
#[test]
fn whole_way_direct_by_the_mirror() -> Result<()> {
    let address = free_address()?;
    let provider = Provider::oidc(&json!({
        "access_token_seconds": LIFETIME_S,
        "defaults": { "resource": resource_at(address), "scope": "notes:read" },
    }))?;
    let scene = scene_at(address, &oidc(&provider.issuer, ""))?;
    only_the_provider_is_named(&scene, &provider.issuer)?;
    way(&scene, &ada(), &provider.issuer)
}
