//! An issuer elsewhere that cannot be reached: what can be served is served, and readiness and metrics say what waits.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Place, ask, get};

const SERVER: &str = "[metrics]\nlisten = \"127.0.0.1:0\"\n\
                      [[servers]]\nid = \"a\"\npath = \"/a/mcp\"\nupstream = \"http://127.0.0.1:9/mcp\"\n";
/// Nobody listens at the discard port.
const DOWN: &str = "http://127.0.0.1:9";

fn ready(address: SocketAddr) -> (bool, Value) {
    let answer = get(address, "/readyz");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    (answer.starts_with("HTTP/1.1 200"), serde_json::from_str(body).expect("JSON"))
}

fn broker() -> String {
    format!(
        "[issuer]\nkind = \"oidc\"\nissuer = \"{DOWN}\"\nbroker = true\nclient_id = \"keyward\"\n\
         allow_private_addresses = true\n"
    )
}

fn metrics(place: &Place) -> String {
    let file: Value = serde_json::from_slice(&std::fs::read(place.path("ready.json")).expect("a file")).expect("JSON");
    get(file["metrics"].as_str().expect("an address").parse().expect("an address"), "/metrics")
}

/// Readiness once the first fetch has failed.
fn when_tried(address: SocketAddr) -> (bool, Value) {
    for _ in 0..TURNS {
        let (is_ready, body) = ready(address);
        if body["issuers"][0]["state"] == "failing" {
            return (is_ready, body);
        }
        sleep(Duration::from_millis(20));
    }
    panic!("it never failed");
}

/// Far more than anything here takes that comes at all.
const TURNS: usize = 1500;

#[test]
fn alone_it_keeps_the_process_from_being_ready() {
    let place = Place::new(&format!("[issuer]\nkind = \"oidc\"\nissuer = \"{DOWN}\"\nstatic_tokens = false\n{SERVER}"));
    let (mut process, address) = place.serve();
    let (is_ready, body) = when_tried(address);
    assert!(!is_ready && body["part"] == "issuers", "{body}");
    assert_eq!(body["issuers"][0]["issuer"], DOWN);
    assert!(body["issuers"][0].get("reason").is_none() && !body.to_string().contains("cannot be"), "{body}");
    let metadata = get(address, "/.well-known/oauth-protected-resource/a/mcp");
    assert!(metadata.starts_with("HTTP/1.1 200") && metadata.contains(DOWN), "{metadata}");
    let mirror = get(address, "/.well-known/oauth-authorization-server");
    assert!(mirror.starts_with("HTTP/1.1 503") && mirror.contains("temporarily_unavailable"), "{mirror}");
    assert!(get(address, "/healthz").starts_with("HTTP/1.1 200"));
    let stopped = process.stop();
    assert_eq!(stopped.code, Some(0));
    let told = |line: &str| line.contains(DOWN) && line.contains("cannot be");
    assert!(stopped.stderr.lines().any(told), "no reason in the log: {}", stopped.stderr);
}

#[test]
fn beside_others_it_is_told_of() {
    let trusted = format!("[[trusted_issuers]]\nissuer = \"{DOWN}\"\n");
    let place = Place::new(&format!("{SERVER}{trusted}"));
    let (mut process, address) = place.serve();
    let (is_ready, body) = when_tried(address);
    assert!(is_ready && body["status"] == "ok", "{body}");
    let text = metrics(&place);
    for line in [
        format!("keyward_issuer_state{{issuer=\"{DOWN}\",state=\"failing\"}} 1"),
        format!("keyward_issuer_state{{issuer=\"{DOWN}\",state=\"ready\"}} 0"),
        format!("keyward_issuer_keys{{issuer=\"{DOWN}\"}} 0"),
        format!("keyward_issuer_fetches_total{{issuer=\"{DOWN}\",result=\"ok\"}} 0"),
    ] {
        assert!(text.lines().any(|it| it == line), "no {line} in {text}");
    }
    assert_eq!(process.stop().code, Some(0));
}

#[test]
fn where_people_log_in_it_is_told_of_and_calls_are_served() {
    let place = Place::new(&format!("{}{SERVER}", broker()));
    let (mut process, address) = place.serve();
    let failed_fetches = |text: &str| {
        let name = format!("keyward_login_provider_fetches_total{{issuer=\"{DOWN}\",result=\"failed\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)?.parse::<u64>().ok()).unwrap_or_default()
    };
    // It was tried more than once.
    let tried = (0..TURNS).find_map(|_| {
        sleep(Duration::from_millis(20));
        Some(metrics(&place)).filter(|text| failed_fetches(text) > 2)
    });
    let text = tried.expect("it is tried again");
    for line in [
        format!("keyward_login_provider_state{{issuer=\"{DOWN}\",state=\"failing\"}} 1"),
        format!("keyward_login_provider_state{{issuer=\"{DOWN}\",state=\"ready\"}} 0"),
        format!("keyward_login_provider_keys{{issuer=\"{DOWN}\"}} 0"),
    ] {
        assert!(text.lines().any(|it| it == line), "no {line} in {text}");
    }
    assert!(!text.contains("keyward_issuer_state"), "none of its access tokens are taken: {text}");
    let (is_ready, body) = ready(address);
    assert!(is_ready, "Keyward's own tokens are good: {body}");
    assert_eq!(body, json!({ "status": "ok", "login": { "issuer": DOWN, "state": "failing" } }));
    assert!(get(address, "/login").starts_with("HTTP/1.1 200"));
    let stopped = process.stop();
    assert_eq!(stopped.code, Some(0));
    let told = |what: &str| {
        let what = format!("what=\"{what}\"");
        stopped.stderr.lines().filter(|line| line.contains(DOWN) && line.contains(&what)).count()
    };
    assert_eq!((told("metadata"), told("keys")), (1, 1), "once each: {}", stopped.stderr);
}

#[test]
fn nonsense_about_logouts_there_does_not_fill_the_log() {
    let place = Place::new(&format!("{}{SERVER}", broker()));
    let (mut process, address) = place.serve();
    for body in ["logout_token=x", "logout_token=y", "a=b", "logout_token=a&logout_token=b"].repeat(20) {
        let head = format!("POST /login/backchannel_logout HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        let form = format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}", body.len());
        let answer = ask(address, &format!("{head}{form}\r\n\r\n{body}"));
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    let stopped = process.stop();
    let lines = stopped.stderr.lines().filter(|line| line.contains("is not carried out")).count();
    assert_eq!(lines, 2, "one of each kind: {}", stopped.stderr);
}
