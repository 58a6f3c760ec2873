//! What every official client must be able to do, knowing nothing but a URL.

use anyhow::{Context, Result};
use keyward_e2e::client::{Client, Transcript, script};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::jwt;
use keyward_e2e::person::{Person, create_account};
use serde_json::{Value, json};

use crate::scene::{SERVICE_TOKEN, Scene};

/// Short, so that a test sees a token end; Keyward and the clients' clocks are the same.
const LIFETIME_S: u64 = 5;
/// Keyward's leeway for other clocks is five seconds: after that the token has ended for it too.
const AFTER_LEEWAY_MS: u64 = 5500;

/// The first revision without sessions.
const STATELESS: &str = "2026-07-28";

const LOGIN: usize = 0;
const LIST: usize = 1;
const CALL: usize = 2;
const REFRESH: usize = 4;
const STEP_UP: usize = 5;
const CALL_AGAIN: usize = 6;
const LOG_OUT: usize = 7;
const REFUSED: usize = 8;

/// Login, list, call, refresh after expiry, step-up after a 403, log out.
pub(crate) fn whole_way(client: Client, configuration: Configuration) -> Result<()> {
    let transcript = whole_way_at(client, configuration, None)?;
    let protocol = transcript.step(LOGIN)["protocol"].as_str().context("a revision")?;
    assert!(protocol < STATELESS, "{protocol}");
    assert_eq!(transcript.step(LOGIN)["authorizations"], 1);
    assert_eq!(transcript.step(LOGIN)["server"]["name"], "notes");
    Ok(())
}

/// The same at the revision that has no sessions, and tells method and tool in headers.
pub(crate) fn whole_way_stateless(client: Client) -> Result<()> {
    let transcript = whole_way_at(client, Configuration::sqlite(), Some(STATELESS))?;
    assert_eq!(transcript.step(LOGIN)["protocol"], STATELESS);
    Ok(())
}

fn whole_way_at(client: Client, configuration: Configuration, protocol: Option<&str>) -> Result<Transcript> {
    let scene = Scene::new(configuration.issuer(&format!("access_token_lifetime = \"{LIFETIME_S}s\"")))?;
    let person = create_account(&scene.keyward)?;
    let steps = [
        json!({ "do": "login" }),
        json!({ "do": "list_tools" }),
        json!({ "do": "call", "tool": "arrived_headers" }),
        json!({ "do": "wait_expiry", "margin_ms": AFTER_LEEWAY_MS }),
        json!({ "do": "call_until_refreshed", "tool": "read_note" }),
        json!({ "do": "call", "tool": "delete_note" }),
        json!({ "do": "call", "tool": "arrived_headers" }),
        json!({ "do": "log_out" }),
        json!({ "do": "call", "tool": "read_note", "expect": "unauthorized" }),
    ];
    let mut script = script(&scene.resource(), &person, &steps);
    if let Some(protocol) = protocol {
        script["protocol"] = json!(protocol);
    }
    let transcript = client.run(&script)?;

    // Without sessions the first request may be that of the list.
    let first_contact = [transcript.step(LOGIN), transcript.step(LIST)];
    assert_eq!(first_contact.iter().filter_map(|step| step["authorizations"].as_u64()).sum::<u64>(), 1);
    let mut tools: Vec<&str> =
        transcript.step(LIST)["tools"].as_array().context("tools")?.iter().flat_map(Value::as_str).collect();
    tools.sort_unstable();
    assert_eq!(tools, ["arrived_headers", "delete_note", "read_note"]);
    assert_eq!(transcript.step(REFRESH)["authorizations"], 0, "a refresh needs no person");
    assert_eq!(transcript.called(REFRESH), "the note");
    assert_eq!(transcript.step(STEP_UP)["authorizations"], 1);
    assert_eq!(transcript.called(STEP_UP), "deleted");
    assert_eq!(transcript.step(LOG_OUT)["revocations"].as_array().map(Vec::len), Some(2));
    assert_eq!(transcript.step(REFUSED)["ended"], "unauthorized");
    if client != Client::Rmcp {
        let mut statuses = first_contact.iter().flat_map(|step| step["mcp_statuses"].as_array()).flatten();
        assert_eq!(statuses.next(), Some(&json!(401)), "the first request has no token");
        let statuses = transcript.step(STEP_UP)["mcp_statuses"].as_array().context("statuses")?;
        assert!(statuses.contains(&json!(403)), "{statuses:?}");
    }

    check_pages(&transcript)?;
    let access_tokens = check_tokens(&transcript, &scene, &person)?;
    for step in [CALL, CALL_AGAIN] {
        check_arrived(transcript.called(step), &access_tokens)?;
    }
    let verdict = scene.keyward.list(&["audit", "verify"])?;
    assert_eq!(verdict["first_bad"], Value::Null, "{verdict}");
    Ok(transcript)
}

/// A person who says no is believed.
pub(crate) fn denied(client: Client) -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let person = create_account(&scene.keyward)?;
    let mut script = script(&scene.resource(), &person, &[json!({ "do": "login", "expect": "denied" })]);
    script["person"]["decision"] = json!("deny");
    let transcript = client.run(&script)?;
    assert_eq!(transcript.step(LOGIN)["ended"], "denied");
    let answers = transcript.events("answer");
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["error"], "access_denied");
    assert_eq!(answers[0]["iss"], scene.keyward.url(), "RFC 9207 holds for errors too");
    Ok(())
}

/// Who asks for what, and where the answer goes, stands on the consent page.
fn check_pages(transcript: &Transcript) -> Result<()> {
    let rides = transcript.events("pages");
    assert_eq!(rides.len(), 2);
    for ride in &rides {
        let console = ride["console"].as_array().context("console")?;
        let blocked = |line: &Value| line.as_str().is_some_and(|line| line.contains("Content Security Policy"));
        assert!(!console.iter().any(blocked), "a page does what its own policy forbids: {console:?}");
        let pages = ride["pages"].as_array().context("pages")?;
        let kinds: Vec<&Value> = pages.iter().map(|page| &page["kind"]).collect();
        assert_eq!(kinds, ["login", "consent", "end"]);
        let consent = &pages[1];
        assert_eq!(consent["client_name"], "The official client");
        assert!(consent["redirect_host"].as_str().context("redirect_host")?.starts_with("127.0.0.1"), "{consent}");
        assert_eq!(consent["localhost_warning"], true);
    }
    let scopes = |ride: usize| rides[ride]["pages"][1]["scopes"].as_array().cloned().unwrap_or_default();
    assert!(scopes(0).contains(&json!("notes:read")) && !scopes(0).contains(&json!("notes:write")), "{:?}", scopes(0));
    assert!(scopes(1).contains(&json!("notes:read")) && scopes(1).contains(&json!("notes:write")), "{:?}", scopes(1));
    Ok(())
}

/// RFC 9068, RFC 6749 §5.1, RFC 9207. Gives all access tokens that the client ever had.
fn check_tokens(transcript: &Transcript, scene: &Scene, person: &Person) -> Result<Vec<String>> {
    for answer in transcript.events("answer") {
        assert_eq!(answer["iss"], scene.keyward.url());
    }
    let mut access_tokens = Vec::new();
    let mut refresh_tokens = Vec::new();
    for token in transcript.events("token").into_iter().filter(|token| token["status"] == 200) {
        let answer = &token["answer"];
        assert_eq!(token["asked"]["resource"], scene.resource());
        assert!(answer["token_type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")), "{answer}");
        assert_eq!(answer["expires_in"], LIFETIME_S);
        let access_token = answer["access_token"].as_str().context("access_token")?;
        assert_eq!(jwt::part(access_token, 0)?["typ"], "at+jwt");
        let claims = jwt::claims(access_token)?;
        assert_eq!(claims["iss"], scene.keyward.url());
        assert_eq!(claims["aud"], scene.resource());
        assert_eq!(claims["scope"], answer["scope"]);
        assert_eq!(claims["email"], person.email);
        access_tokens.push(access_token.to_owned());
        refresh_tokens.push(answer["refresh_token"].as_str().context("refresh_token")?.to_owned());
    }
    assert!(access_tokens.len() >= 3, "login, refresh, step-up: {}", access_tokens.len());
    for tokens in [&access_tokens, &refresh_tokens] {
        let different: std::collections::BTreeSet<&String> = tokens.iter().collect();
        assert_eq!(different.len(), tokens.len(), "each token is new");
    }
    Ok(access_tokens)
}

/// The server gets the token of the cabinet, and the client's nowhere.
fn check_arrived(headers: &str, access_tokens: &[String]) -> Result<()> {
    let arrived: Value = serde_json::from_str(headers)?;
    assert_eq!(arrived["authorization"], format!("Bearer {SERVICE_TOKEN}"));
    assert!(access_tokens.iter().all(|token| !headers.contains(token.as_str())), "{headers}");
    Ok(())
}
