//! A public URL with a path, behind a proxy that ends TLS: everything is below it, and the well-known documents where
//! the RFCs put them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::process::{Place, ask};
use crate::upstream;

const HOST: &str = "mcp.example.com";
const PUBLIC: &str = "https://mcp.example.com/base";
const RESOURCE: &str = "https://mcp.example.com/base/coda/mcp";
const CALLBACK: &str = "https://client.example/callback";
const FORM: &str = "application/x-www-form-urlencoded";
// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A browser, or another client, that keeps its cookies.
struct Visitor {
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Visitor {
    fn new(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new() }
    }

    fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "", "")
    }

    fn post(&mut self, path: &str, media_type: &str, body: &str) -> Answer {
        self.send("POST", path, &format!("Content-Type: {media_type}\r\n"), body)
    }

    fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = if cookies.is_empty() { String::new() } else { format!("Cookie: {}\r\n", cookies.join("; ")) };
        let length = body.len();
        let text = ask(
            self.address,
            &format!(
                "{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{headers}{cookies}Content-Length: {length}\r\n\
                 Connection: close\r\n\r\n{body}"
            ),
        );
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let answer = Answer { status, head: head.to_owned(), body: body.to_owned() };
        for cookie in answer.headers("set-cookie") {
            assert!(
                cookie.starts_with("__Host-") && cookie.contains("; Path=/;") && cookie.contains("; Secure"),
                "{cookie}"
            );
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Posts a form of `page` with its CSRF token.
    fn submit(&mut self, page: &Answer, action: &str, fields: &str) -> Answer {
        assert!(page.body.contains(&format!("action=\"{action}\"")), "{}", page.body);
        let csrf = page.field("csrf");
        self.post(action, FORM, &format!("csrf={csrf}&{fields}"))
    }
}

impl Answer {
    fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn header<'a>(&'a self, name: &'a str) -> &'a str {
        self.headers(name).next().unwrap_or_else(|| panic!("no {name}: {}\n{}", self.head, self.body))
    }

    fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.head, self.body))
    }

    /// The value of a hidden field.
    fn field(&self, name: &str) -> &str {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" value=\"")).expect("the field");
        rest.split('"').next().expect("its value")
    }
}

/// The path of a URL of ours.
fn path(url: &Value) -> String {
    let path = url.as_str().and_then(|url| url.strip_prefix("https://mcp.example.com")).expect("a URL of ours");
    assert!(path.starts_with("/base/"), "{path}");
    path.to_owned()
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn place(upstream: SocketAddr) -> Place {
    let place = Place::new(&format!(
        "public_url = \"{PUBLIC}\"\n[issuer]\nstatic_tokens = true\n[[servers]]\nid = \"coda\"\npath = \"/coda/mcp\"\n\
         upstream = \"http://{upstream}/mcp\"\nscopes = [\"coda:read\"]\n[servers.credential]\ntoken = \"coda/key\"\n"
    ));
    assert_eq!(place.run_with_input("token set coda/key", "service-token").code, Some(0));
    place
}

#[test]
fn documents_and_endpoints_are_where_they_are_looked_for() {
    let (upstream, _) = upstream::start();
    let place = place(upstream);
    let (_process, address, public_url) = place.serve_anywhere();
    assert_eq!(public_url, PUBLIC);
    let mut anybody = Visitor::new(address);
    for at in ["", "/base/coda/mcp", "/base/coda/mcp/"] {
        let document = anybody.get(&format!("/.well-known/oauth-protected-resource{at}")).json();
        assert_eq!(document["resource"], RESOURCE, "{at}");
        assert_eq!(document["authorization_servers"], json!([PUBLIC]), "{at}");
    }
    for at in [
        "/.well-known/oauth-authorization-server/base",
        "/.well-known/openid-configuration/base",
        "/base/.well-known/openid-configuration",
    ] {
        let document = anybody.get(at).json();
        assert_eq!(document["issuer"], PUBLIC, "{at}");
        for endpoint in
            ["authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "jwks_uri"]
        {
            assert_ne!(anybody.get(&path(&document[endpoint])).status, 404, "{endpoint}");
        }
    }
    for at in ["/base/coda/mcp", "/base/coda/mcp/"] {
        let refused = anybody.post(at, "application/json", r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
        assert_eq!(refused.status, 401, "{at}");
        let metadata = "https://mcp.example.com/.well-known/oauth-protected-resource/base/coda/mcp";
        let challenge = refused.header("www-authenticate");
        assert!(challenge.contains(&format!("resource_metadata=\"{metadata}\"")), "{challenge}");
    }
    for at in ["/coda/mcp", "/.well-known/oauth-protected-resource/coda/mcp", "/login", "/account", "/basecoda/mcp"] {
        let nothing = anybody.get(at);
        assert_eq!((nothing.status, nothing.header("content-type")), (404, "application/json"), "{at}");
    }
    for at in ["/healthz", "/readyz", "/base/healthz", "/base/readyz", "/base", "/base/", "/base/login"] {
        assert_eq!(anybody.get(at).status, 200, "{at}");
    }
}

#[test]
fn the_whole_way_leads_below_the_path() {
    let (upstream, received) = upstream::start();
    let place = place(upstream);
    let (mut process, address, _) = place.serve_anywhere();
    let invite = place.run("user invite --admin --email ada@example.com").stdout;
    let invite = path(&Value::from(invite.trim()));
    let mut ada = Visitor::new(address);
    let page = ada.get(&invite);
    assert_eq!(page.status, 200, "{}", page.body);
    let made = ada.submit(
        &page,
        &invite,
        "email=ada%40example.com&password=long+enough+words&password_again=long+enough+words",
    );
    assert_eq!((made.status, made.header("location")), (303, "/base/account"));
    assert!(ada.get("/base/account").body.contains("ada@example.com"));

    // Away and in again, to where the person wanted to go.
    let account = ada.get("/base/account");
    let gone = ada.submit(&account, "/base/logout", "");
    assert_eq!((gone.status, gone.header("location")), (303, "/base/login"));
    let mut client = Visitor::new(address);
    let metadata = json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}).to_string();
    let registered = client.post("/base/register", "application/json", &metadata).json();
    let client_id = registered["client_id"].as_str().expect("an id");
    let request = format!(
        "/base/authorize?response_type=code&client_id={client_id}&redirect_uri={}&state=x&code_challenge={CHALLENGE}\
         &code_challenge_method=S256&resource={}",
        encoded(CALLBACK),
        encoded(RESOURCE)
    );
    let to_login = ada.get(&request);
    let login = to_login.header("location").to_owned();
    assert_eq!(login, format!("/base/login?next={}", encoded(&request)));
    let page = ada.get(&login);
    let next = encoded(&page.field("next").replace("&amp;", "&"));
    let back =
        ada.submit(&page, "/base/login", &format!("email=ada%40example.com&password=long+enough+words&next={next}"));
    assert_eq!((back.status, back.header("location")), (303, request.as_str()));
    let consent = ada.get(&request);
    let asked = encoded(&consent.field("request").replace("&amp;", "&"));
    let answer = ada.submit(&consent, "/base/consent", &format!("decision=allow&request={asked}"));
    let location = answer.header("location");
    assert!(location.ends_with(&format!("&iss={}", PUBLIC.replace(':', "%3A").replace('/', "%2F"))), "{location}");
    let code = location.split_once("code=").and_then(|(_, rest)| rest.split('&').next()).expect("a code");

    let form = format!(
        "grant_type=authorization_code&client_id={client_id}&code={code}&code_verifier={VERIFIER}&redirect_uri={}",
        encoded(CALLBACK)
    );
    let tokens = client.post("/base/token", FORM, &form).json();
    let issued = place.run("bearer issue --name test --server coda");
    for token in [tokens["access_token"].as_str().expect("a token"), issued.stdout.trim()] {
        let headers = format!(
            "Authorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        );
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        while client.send("POST", "/base/coda/mcp", &headers, call).status == 401 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(client.send("POST", "/base/coda/mcp", &headers, call).status, 200);
        assert_eq!(client.send("POST", "/coda/mcp", &headers, call).status, 404);
    }
    assert!(received.text().contains("POST /mcp ") && received.text().contains("Bearer service-token"));

    let account = ada.get("/base/account");
    assert!(account.body.contains("action=\"/base/account/disconnect\""), "{}", account.body);
    let grant = account.field("grant").to_owned();
    let ended = ada.submit(&account, "/base/account/disconnect", &format!("grant={grant}"));
    assert_eq!((ended.status, ended.header("location")), (303, "/base/account"));
    let refresh = tokens["refresh_token"].as_str().expect("a token");
    let form = format!("grant_type=refresh_token&client_id={client_id}&refresh_token={refresh}");
    assert_eq!(client.post("/base/token", FORM, &form).json()["error"], "invalid_grant");

    let log = process.stop().stderr;
    let secret = invite.rsplit('/').next().expect("a token");
    assert!(log.contains("/base/invite") && !log.contains(secret) && !log.contains("/healthz"), "{log}");
}
