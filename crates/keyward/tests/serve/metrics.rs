//! `GET /metrics`: counted by server, on a port of its own.

use std::net::SocketAddr;

use crate::process::{Place, ask, get};

const SERVER: &str = "[metrics]\nlisten = \"127.0.0.1:0\"\n[[servers]]\nid = \"a\"\npath = \"/a/mcp\"\nupstream = \"http://127.0.0.1:9/mcp\"\n";

#[test]
fn calls_are_counted_by_how_they_ended() {
    let place = Place::new(SERVER);
    let (mut process, address) = place.serve();
    let ready: serde_json::Value =
        serde_json::from_slice(&std::fs::read(place.path("ready.json")).expect("a file")).expect("JSON");
    let metrics: SocketAddr = ready["metrics"].as_str().expect("an address").parse().expect("an address");
    let count = |line: &str| {
        let answer = get(metrics, "/metrics");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("application/openmetrics-text"), "{answer}");
        assert!(answer.trim_end().ends_with("# EOF"), "{answer}");
        let found = answer.lines().find_map(|it| it.strip_prefix(line)?.trim().parse::<f64>().ok());
        found.unwrap_or_else(|| panic!("no {line} in {answer}"))
    };
    let unrecorded = r#"keyward_calls_total{server="a",result="unrecorded"}"#;
    let failed = r#"keyward_calls_total{server="a",result="failed"}"#;
    assert_eq!((count(unrecorded), count(failed)), (0.0, 0.0));
    let call = |authorization: &str| {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let head = format!(
            "POST /a/mcp HTTP/1.1\r\nHost: {address}\r\n{authorization}Content-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        ask(address, &head)
    };
    assert!(call("").starts_with("HTTP/1.1 401"));
    assert_eq!((count(unrecorded), count(failed)), (1.0, 0.0));
    place.configure(&address.to_string(), SERVER);
    let issued = place.run("bearer issue --name test --server a");
    let authorization = format!("Authorization: Bearer {}\r\n", issued.stdout.trim());
    // Another process issued it: until the running one has heard, it is not known.
    while !call(&authorization).starts_with("HTTP/1.1 502") {}
    assert_eq!(count(failed), 1.0);
    assert!(count(r#"keyward_call_duration_seconds_total{server="a"}"#) > 0.0);
    assert_eq!(count("keyward_audit_records_dropped_total"), 0.0);
    // Not where clients are.
    assert!(get(address, "/metrics").starts_with("HTTP/1.1 404"));
    assert_eq!(process.stop().code, Some(0));
}
