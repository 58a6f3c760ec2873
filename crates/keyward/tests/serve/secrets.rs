use crate::process::{Place, ask, get};
use crate::upstream;

/// Secrets are planted everywhere one can come in, everything is logged that can be, and nothing of them is in the log.
#[test]
fn no_secret_is_in_any_output() {
    let (address_of_upstream, received) = upstream::start();
    let server = format!(
        "[log]\nlevel = \"trace\"\nformat = \"json\"\n[[servers]]\nid = \"a\"\npath = \"/a/mcp\"\n\
         upstream = \"http://{address_of_upstream}/mcp\"\nscopes = [\"a:read\"]\n[servers.credential]\ntoken = \"a/key\"\n"
    );
    let place = Place::new(&server);
    assert_eq!(place.run_with_input("token set a/key", "planted-service-token").code, Some(0));
    let (mut process, address) = place.serve();
    place.configure(&address.to_string(), &server);
    let issued = place.run("bearer issue --name test --server a");
    let bearer = issued.stdout.trim().to_owned();
    let invite = place.run("user invite");
    let link = invite.stdout.trim().to_owned();
    let path = link.split_once(&address.to_string()).expect("a link to here").1;
    let invite_token = path.rsplit('/').next().expect("a token").to_owned();
    assert!(get(address, path).starts_with("HTTP/1.1 200"));
    let call = |token: &str, query: &str| {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"x":"planted-argument"}}}"#;
        ask(
            address,
            &format!(
                "POST /a/mcp{query} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
                 Cookie: keyward_session=planted-cookie\r\nContent-Type: application/json\r\n\
                 Accept: application/json, text/event-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            ),
        )
    };
    while !call(&bearer, "").starts_with("HTTP/1.1 200") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(call("planted.bad.token", "").starts_with("HTTP/1.1 401"));
    assert!(call(&bearer, "?access_token=planted-query").starts_with("HTTP/1.1 400"));
    let form = "grant_type=authorization_code&code=kwc_planted-code&client_id=x&code_verifier=planted-verifier";
    ask(
        address,
        &format!(
            "POST /token HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Authorization: Basic cGxhbnRlZDpwbGFudGVk\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
            form.len()
        ),
    );
    let ended = process.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let sent = received.text();
    assert!(sent.contains("Bearer planted-service-token"), "the upstream got its token");
    assert!(!sent.contains(&bearer) && !sent.contains("planted-cookie"), "and nothing of the client's");
    let audit = place.run("audit list --json");
    assert!(audit.stdout.contains("tools/call"));
    let root_key = std::fs::read_to_string(place.path("keyward.key")).expect("a key");
    let root_key = root_key.lines().rev().find(|line| !line.trim().is_empty()).expect("a line").trim().to_owned();
    for secret in [bearer.as_str(), &invite_token, &root_key, "planted", "cGxhbnRlZ"] {
        for (what, text) in [("log", &ended.stderr), ("output", &ended.stdout), ("audit log", &audit.stdout)] {
            assert!(!text.contains(secret), "{secret} is in the {what}:\n{text}");
        }
    }
}
