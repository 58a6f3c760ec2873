//! A second Keyward as the provider: tokens that it issues for a server elsewhere, which is behind the first.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use keyward_e2e::client::{Client, script};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::http::Request;
use keyward_e2e::jwt;
use keyward_e2e::keyward::Keyward;
use keyward_e2e::oauth::{self, changed};
use keyward_e2e::person::sign_up;
use serde_json::json;

use crate::broker;
use crate::direct::{
    LIFETIME_S, ada, free_address, oidc, only_the_provider_is_named, resource_at, scene_at, whole_way_of,
};
use crate::scene::{Scene, call, initialize};

/// The first Keyward's server, as the second knows it.
fn elsewhere(address: SocketAddr) -> String {
    let resource = resource_at(address);
    format!(
        "[[resources]]\nid = \"first\"\nname = \"Notes at the first\"\nresource = {resource:?}\n\
         scopes = [\"notes:read\", \"notes:write\"]\ndefault_scopes = [\"notes:read\"]\n"
    )
}

/// An authorization server alone, as far as this client can tell: nothing is behind the second Keyward.
fn official(client: Client) -> Result<()> {
    let address = free_address()?;
    let lifetime = format!("access_token_lifetime = \"{LIFETIME_S}s\"");
    let provider = Keyward::started(&Configuration::sqlite().issuer(&lifetime).section(&elsewhere(address)))?;
    let (ada, _) = sign_up(&provider)?;
    let scene = scene_at(address, &oidc(provider.url(), ""))?;
    let transcript = whole_way_of(&ada, client, &scene, provider.url())?;
    let tokens = transcript.events("token").into_iter().filter(|token| token["status"] == 200);
    let scopes: Vec<String> = tokens.map(|token| token["answer"]["scope"].to_string()).collect();
    ensure!(scopes.first().is_some_and(|scope| !scope.contains("notes:write")), "too much at first: {scopes:?}");
    ensure!(scopes.last().is_some_and(|scope| scope.contains("notes:write")), "no step-up: {scopes:?}");
    let granted = provider.records("grant.create", 2)?;
    assert!(granted.iter().all(|record| record["service_id"] == "first"), "{granted:?}");
    Ok(())
}

#[test]
fn direct_second_keyward_typescript_1() -> Result<()> {
    official(Client::TypeScript1)
}

#[test]
fn direct_second_keyward_typescript_2() -> Result<()> {
    official(Client::TypeScript2)
}

#[test]
fn direct_second_keyward_python() -> Result<()> {
    official(Client::Python)
}

#[test]
fn direct_second_keyward_rmcp() -> Result<()> {
    official(Client::Rmcp)
}

#[test]
fn direct_second_keyward_keeps_here_and_elsewhere_apart() -> Result<()> {
    let address = free_address()?;
    let provider = Scene::new(Configuration::sqlite().section(&elsewhere(address)))?;
    let scene = scene_at(address, &oidc(provider.keyward.url(), ""))?;
    only_the_provider_is_named(&scene, provider.keyward.url())?;
    let (_, mut browser) = sign_up(&provider.keyward)?;
    let client = oauth::Client::register(&provider.keyward)?;

    let here = client.tokens(&mut browser, &provider.resource(), "notes:read")?;
    let there = client.tokens(&mut browser, &scene.resource(), "notes:read")?;
    assert_eq!([provider.status_with(&here.access)?, scene.status_with(&here.access)?], [200, 401]);
    assert_eq!([provider.status_with(&there.access)?, scene.status_with(&there.access)?], [401, 200]);
    let refused = scene.keyward.send(&call("/notes/mcp", "delete_note").bearer(&there.access))?;
    assert_eq!(refused.status, 403, "the scope reaches no further");
    let claims = jwt::claims(&there.access)?;
    assert_eq!((&claims["aud"], claims.get("email")), (&json!(scene.resource()), None), "{claims}");

    // Who names nothing may have come for either, and a refresh gets no token for what the person was not asked about.
    let unnamed = client.authorization("", "notes:read");
    let unnamed = oauth::authorization_target(&changed(&unnamed, &[("resource", None)]));
    let answer = oauth::answer_of(&browser.get(&unnamed)?)?;
    assert_eq!(oauth::value(&answer, "error"), Some("invalid_target"), "{answer:?}");
    for (refresh, other) in [(&here.refresh, scene.resource()), (&there.refresh, provider.resource())] {
        let mut parameters = client.refreshing(refresh);
        parameters.push(("resource", other));
        assert_eq!(client.token(&parameters)?.json()?["error"], "invalid_target");
    }
    let account = browser.get("/account")?.text();
    ensure!(account.contains("Notes at the first") && account.contains("data-elsewhere"), "{account}");

    // What the second ends early, it ends for itself: elsewhere a token lives until its time is over.
    ensure!(client.revoke(&there.access)?.status == 200, "the revocation was refused");
    assert_eq!(client.token(&client.refreshing(&there.refresh))?.json()?["error"], "invalid_grant");
    assert_eq!(scene.status_with(&there.access)?, 200);
    Ok(())
}

#[test]
fn direct_second_keyward_lets_people_log_in_at_a_third() -> Result<()> {
    let address = free_address()?;
    let (provider, _third) = broker::scene(&format!("sign_up = \"open\"\n{}", elsewhere(address)))?;
    let scene = scene_at(address, &oidc(provider.keyward.url(), ""))?;
    let steps = [json!({ "do": "login" }), json!({ "do": "call", "tool": "read_note" })];
    let transcript = Client::TypeScript2.run(&script(&scene.resource(), &ada(), &steps))?;
    assert_eq!(transcript.called(1), "the note");
    let tokens = transcript.events("token");
    let token = tokens.last().and_then(|token| token["answer"]["access_token"].as_str()).unwrap_or_default();
    let claims = jwt::claims(token)?;
    assert_eq!([&claims["iss"], &claims["aud"]], [&json!(provider.keyward.url()), &json!(scene.resource())]);
    assert_eq!([provider.status_with(token)?, scene.status_with(token)?], [401, 200]);
    Ok(())
}

#[test]
fn direct_second_keyward_serves_without_a_server() -> Result<()> {
    let address = free_address()?;
    let keyward = Keyward::started(&Configuration::sqlite().section(&elsewhere(address)))?;
    let get = |path: &str| keyward.send(&Request::get(path));
    assert_eq!(get("/readyz")?.status, 200);
    let landing = get("/")?.text();
    ensure!(landing.contains("Notes at the first") && landing.contains(&resource_at(address)), "{landing}");
    let metadata = get("/.well-known/oauth-authorization-server")?.json()?;
    assert_eq!(metadata["protected_resources"], json!([resource_at(address)]));
    assert_eq!(metadata["scopes_supported"], json!(["notes:read", "notes:write", "offline_access"]));
    // It protects nothing itself, and its document is whoever's who does.
    for path in ["", "/notes/mcp", "/first"] {
        assert_eq!(get(&format!("/.well-known/oauth-protected-resource{path}"))?.status, 404, "{path}");
    }
    assert_eq!(keyward.send(&initialize("/notes/mcp"))?.status, 404);
    Ok(())
}
