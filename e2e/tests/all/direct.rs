//! Providers of others in direct mode: Keyward names them and verifies their tokens; official clients log in there.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result, ensure};
use keyward_e2e::client::{Client, Transcript, script};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::http::Request;
use keyward_e2e::jwt;
use keyward_e2e::person::Person;
use serde_json::{Value, json};

use crate::scene::{SERVICE_TOKEN, Scene, initialize};

/// Short, so that a test sees a token end; all clocks are the same.
pub(crate) const LIFETIME_S: u64 = 5;
/// Keyward's leeway for other clocks is five seconds: after that the token has ended for it too.
const AFTER_LEEWAY_MS: u64 = 5500;

const LOGIN: usize = 0;
const LIST: usize = 1;
const CALL: usize = 2;
const REFRESH: usize = 4;
const STEP_UP: usize = 5;
const CALL_AGAIN: usize = 6;

/// An address for Keyward that its provider can be told before it starts.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// What clients will be given of Keyward at this address.
pub(crate) fn resource_at(address: SocketAddr) -> String {
    format!("http://{address}/notes/mcp")
}

pub(crate) fn ada() -> Person {
    Person { email: "ada@example.com".into(), password: "correct horse battery staple".into() }
}

/// Keyward at this address before the notes server, with these lines of `[issuer]`.
pub(crate) fn scene_at(address: SocketAddr, issuer: &str) -> Result<Scene> {
    Scene::with(Configuration::sqlite().issuer(issuer), |keyward| {
        keyward.set_environment("KEYWARD__SERVER__LISTEN", &address.to_string());
        Ok(())
    })
}

/// The lines for an issuer of kind `oidc`.
pub(crate) fn oidc(issuer: &str, more: &str) -> String {
    format!("kind = \"oidc\"\nissuer = {issuer:?}\nallow_private_addresses = true\n{more}")
}

/// The provider is named, and no authorization server of Keyward's own answers beside it.
pub(crate) fn only_the_provider_is_named(scene: &Scene, issuer: &str) -> Result<()> {
    let document = scene.keyward.send(&Request::get("/.well-known/oauth-protected-resource/notes/mcp"))?.json()?;
    assert_eq!(document["resource"], scene.resource());
    assert_eq!(document["authorization_servers"], json!([issuer]));
    let challenge = scene.keyward.send(&initialize("/notes/mcp"))?;
    assert_eq!(challenge.status, 401);
    ensure!(challenge.header("www-authenticate").is_some_and(|it| it.contains("resource_metadata=")), "no challenge");
    for (method, path) in [("GET", "/authorize"), ("POST", "/token"), ("POST", "/register")] {
        let answer = scene.keyward.send(&Request::new(method, path).header("Content-Length", "0"))?;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        answer.json()?;
    }
    Ok(())
}

/// Log-in at the provider, list, call, refresh after expiry, step-up after a 403.
pub(crate) fn whole_way(client: Client, scene: &Scene, issuer: &str) -> Result<Transcript> {
    way(&ada(), client, scene, issuer, true)
}

/// The same by somebody else than [`ada`].
pub(crate) fn whole_way_of(person: &Person, client: Client, scene: &Scene, issuer: &str) -> Result<Transcript> {
    way(person, client, scene, issuer, true)
}

/// The same where the provider gives this client no refresh token: the person must log in again.
pub(crate) fn way_without_refresh(client: Client, scene: &Scene, issuer: &str) -> Result<Transcript> {
    way(&ada(), client, scene, issuer, false)
}

fn way(person: &Person, client: Client, scene: &Scene, issuer: &str, refreshes: bool) -> Result<Transcript> {
    only_the_provider_is_named(scene, issuer)?;
    let steps = [
        json!({ "do": "login" }),
        json!({ "do": "list_tools" }),
        json!({ "do": "call", "tool": "arrived_headers" }),
        json!({ "do": "wait_expiry", "margin_ms": AFTER_LEEWAY_MS }),
        json!({ "do": if refreshes { "call_until_refreshed" } else { "call" }, "tool": "read_note" }),
        json!({ "do": "call", "tool": "delete_note" }),
        json!({ "do": "call", "tool": "arrived_headers" }),
    ];
    let mut script = script(&scene.resource(), person, &steps);
    // `@modelcontextprotocol/sdk` 1.x says nothing of it, which is to say that it is a web application.
    script["application_type"] = json!("native");
    let transcript = client.run(&script)?;
    let first_contact = [transcript.step(LOGIN), transcript.step(LIST)];
    assert_eq!(first_contact.iter().filter_map(|step| step["authorizations"].as_u64()).sum::<u64>(), 1);
    assert_eq!(transcript.step(REFRESH)["authorizations"], u64::from(!refreshes), "a refresh needs no person");
    assert_eq!(transcript.called(REFRESH), "the note");
    assert_eq!(transcript.called(STEP_UP), "deleted");
    let tokens = check_tokens(&transcript, scene, issuer)?;
    for step in [CALL, CALL_AGAIN] {
        let headers = transcript.called(step);
        let arrived: Value = serde_json::from_str(headers)?;
        assert_eq!(arrived["authorization"], format!("Bearer {SERVICE_TOKEN}"));
        assert!(tokens.iter().all(|token| !headers.contains(token.as_str())), "a client's token went on: {headers}");
    }
    let written = scene.keyward.written();
    assert!(tokens.iter().all(|token| !written.contains(token.as_str())), "a token stands in what Keyward wrote");
    Ok(transcript)
}

/// All were issued by the provider; gives them.
fn check_tokens(transcript: &Transcript, scene: &Scene, issuer: &str) -> Result<Vec<String>> {
    let granted = transcript.events("token").into_iter().filter(|token| token["status"] == 200);
    let mut tokens = Vec::new();
    for token in granted {
        assert_eq!(token["asked"]["resource"], scene.resource());
        let access_token = token["answer"]["access_token"].as_str().context("access_token")?;
        if access_token.contains('.') {
            assert_eq!(jwt::claims(access_token)?["iss"], issuer);
        }
        tokens.push(access_token.to_owned());
    }
    assert!(tokens.len() >= 2, "login, refresh, and step-up: {}", tokens.len());
    Ok(tokens)
}
