//! Tokens from an issuer elsewhere: Keyward's own authorization server is not there, and nothing pretends that it is.

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::process::{Place, ask, get};

const ISSUER: &str = "https://word-word-1234.customers.stytch.dev";
const STYTCH: &str = "[issuer]\nkind = \"stytch\"\nproject_id = \"project-test-1\"\n\
    issuer = \"https://word-word-1234.customers.stytch.dev\"\n";
const SERVERS: &str =
    "[[servers]]\nid = \"a\"\npath = \"/a/mcp\"\nupstream = \"http://127.0.0.1:9/mcp\"\nscopes = [\"a:read\"]\n";

fn body(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
    serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {answer}"))
}

#[test]
fn clients_are_sent_to_the_issuer_and_find_no_other_here() {
    let place = Place::new(&format!("{STYTCH}{SERVERS}"));
    let (_process, address) = place.serve();
    let document = body(&get(address, "/.well-known/oauth-protected-resource/a/mcp"));
    assert_eq!(document["authorization_servers"], json!([ISSUER]));
    for path in [
        "/authorize?client_id=x",
        "/token",
        "/register",
        "/revoke",
        "/jwks",
        "/userinfo",
        "/.well-known/openid-configuration",
    ] {
        let answer = get(address, path);
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        assert!(answer.to_lowercase().contains("access-control-allow-origin: *"), "{answer}");
        let told = body(&answer)["error_description"].as_str().expect("a text").to_owned();
        assert!(told.ends_with(&format!("are issued by {ISSUER}")), "{told}");
    }
    let answer = ask(
        address,
        &format!("POST /register HTTP/1.1\r\nHost: {address}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"),
    );
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    // Accounts are still people's own: their connections elsewhere hang on them.
    assert!(get(address, "/login").starts_with("HTTP/1.1 200"));
    assert!(get(address, "/").contains(&format!("It sends you to {ISSUER} to log in.")));
}

#[test]
fn clients_that_look_for_the_issuer_on_this_host_find_the_providers_own_document() {
    let provider = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let issuer = format!("http://{}", provider.local_addr().expect("an address"));
    let document = format!("{{ \"issuer\" : \"{issuer}\",\n \"jwks_uri\": \"{issuer}/jwks\", \"x\": 1.0 }}");
    let answer = document.clone();
    std::thread::spawn(move || {
        for stream in provider.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = [0; 1024];
            let length = stream.read(&mut head).expect("a request");
            let (status, body) = match head[..length].starts_with(b"GET /.well-known/") {
                true => ("200 OK", answer.as_str()),
                false => ("404 Not Found", "{}"),
            };
            let head = "Content-Type: application/json\r\nConnection: close";
            let length = body.len();
            write!(stream, "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}").expect("an answer");
        }
    });
    let place = Place::new(&format!("[issuer]\nkind = \"oidc\"\nissuer = \"{issuer}\"\n{SERVERS}"));
    let (_process, address) = place.serve();
    let mirrored = get(address, "/.well-known/oauth-authorization-server");
    assert!(mirrored.starts_with("HTTP/1.1 200") && mirrored.ends_with(&format!("\r\n\r\n{document}")), "{mirrored}");
    // Where clients check that a document names the place it is at, there is none.
    assert!(get(address, "/.well-known/oauth-authorization-server/a/mcp").starts_with("HTTP/1.1 404"));
}

#[test]
fn commands_of_its_own_issuer_say_that_there_is_none() {
    let place = Place::new(&format!("public_url = \"http://127.0.0.1:8080\"\n{STYTCH}{SERVERS}"));
    let ended = place.run("client add --name x --redirect-uri https://x.example/callback");
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains(ISSUER) && ended.stderr.contains("kind = \"embedded\""), "{}", ended.stderr);
    // Development tokens are taken beside any issuer.
    let issued = place.run("bearer issue --name test --server a");
    assert_eq!((issued.code, issued.stderr.as_str()), (Some(0), ""));
    // What is there from before can be looked at and removed.
    let listed = place.run("client list");
    assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""));
    assert!(listed.stdout.contains(&format!("clients log in at {ISSUER}")), "{}", listed.stdout);
    let revoked = place.run("client revoke x --yes");
    assert_eq!(revoked.code, Some(1));
    assert!(revoked.stderr.contains(&format!("log in at {ISSUER}, and are removed there")), "{}", revoked.stderr);
}

#[test]
fn both_are_there_during_a_move() {
    let place = Place::new(&format!("{STYTCH}[[trusted_issuers]]\nkind = \"embedded\"\n{SERVERS}"));
    let (_process, address, public_url) = place.serve_anywhere();
    let document = body(&get(address, "/.well-known/oauth-protected-resource/a/mcp"));
    assert_eq!(document["authorization_servers"], json!([ISSUER, public_url]));
    assert_eq!(body(&get(address, "/.well-known/oauth-authorization-server"))["issuer"], public_url.as_str());
}

#[test]
fn a_development_token_is_not_taken_at_a_public_url() {
    let public = "public_url = \"https://mcp.example.com\"\nallowed_hosts = [\"127.0.0.1\"]\n";
    let place = Place::new(&format!("{public}[issuer]\nstatic_tokens = true\n{SERVERS}"));
    let issued = place.run("bearer issue --name test --server a");
    let token = issued.stdout.trim();
    let call = |address| {
        ask(
            address,
            &format!(
                "POST /a/mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Length: \
                 1000000000000\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
            ),
        )
    };
    let (mut process, address, _) = place.serve_anywhere();
    assert!(call(address).starts_with("HTTP/1.1 413"), "taken, as its body is not");
    process.stop();
    place.configure("127.0.0.1:0", &format!("{public}{SERVERS}"));
    let refused = place.run("bearer issue --name test --server a");
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("static_tokens = true"), "{}", refused.stderr);
    let (mut process, address, _) = place.serve_anywhere();
    assert!(call(address).starts_with("HTTP/1.1 401"));
    assert!(process.stop().stderr.contains("development tokens are not taken"));
}
