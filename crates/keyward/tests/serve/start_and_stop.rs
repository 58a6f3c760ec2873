use rustix::process::Signal;

use crate::process::{Place, get, mode};

#[test]
fn serves_on_defaults_and_stops_when_told() {
    let place = Place::new("");
    for signal in [Signal::TERM, Signal::INT] {
        let (mut process, address) = place.serve();
        assert!(get(address, "/healthz").starts_with("HTTP/1.1 200"));
        assert!(get(address, "/readyz").ends_with("{\"status\":\"ok\"}"));
        assert!(get(address, "/.well-known/oauth-authorization-server").contains(&format!("\"http://{address}\"")));
        process.signal(signal);
        let ended = process.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains("ready") && ended.stderr.contains("stopped"), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
    for file in ["keyward.db", "keyward.key"] {
        assert_eq!(mode(&place.path(file)), 0o600, "{file}");
    }
    let audit = place.run("audit list --json");
    let records: Vec<serde_json::Value> = serde_json::from_str(&audit.stdout).expect("JSON");
    let actions: Vec<&str> = records.iter().rev().filter_map(|record| record["action"].as_str()).collect();
    assert_eq!(actions.iter().filter(|action| **action == "start").count(), 2, "{actions:?}");
    assert_eq!(actions.last(), Some(&"stop"));
    assert_eq!(place.run("audit verify").code, Some(0));
}

#[test]
fn unknown_paths_are_answered_in_json() {
    let place = Place::new("");
    let (_process, address) = place.serve();
    for path in ["/nothing", "/.well-known/nothing", "/.well-known/oauth-protected-resource/nothing"] {
        let answer = get(address, path);
        assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("application/json"), "{answer}");
    }
}

#[test]
fn changes_from_the_command_line_are_seen_by_the_running_process() {
    let server = "[[servers]]\nid = \"a\"\npath = \"/a/mcp\"\nupstream = \"http://127.0.0.1:9/mcp\"\n";
    let place = Place::new(server);
    let (mut process, address) = place.serve();
    place.configure(&address.to_string(), server);
    let issued = place.run("bearer issue --name test --server a");
    assert_eq!(issued.code, Some(0), "{}", issued.stderr);
    let token = issued.stdout.trim();
    let call = || {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        crate::process::ask(
            address,
            &format!(
                "POST /a/mcp HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
                 Accept: application/json, text/event-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            ),
        )
    };
    wait_until(|| call().starts_with("HTTP/1.1 502"));
    let listed: Vec<serde_json::Value> = serde_json::from_str(&place.run("bearer list --json").stdout).expect("JSON");
    let id = listed[0]["id"].as_str().expect("an id");
    assert_eq!(place.run(&format!("bearer revoke {id}")).code, Some(0));
    wait_until(|| call().starts_with("HTTP/1.1 401"));
    assert_eq!(place.run(&format!("bearer revoke {id}")).code, Some(1));
    assert_eq!(process.stop().code, Some(0));
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
