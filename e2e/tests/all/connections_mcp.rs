//! People's own accounts at an MCP server that is protected by OAuth itself: a Keyward whose server stands behind another
//! Keyward, with a server on the official Rust SDK behind that one, and Chromium.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::http::{Request, Response};
use keyward_e2e::keyward::Keyward;
use keyward_e2e::person::{self, Person, create_account_at, ride_through};
use keyward_e2e::upstream::notes::Notes;
use keyward_e2e::wait;
use serde_json::{Value, json};

use crate::scene::{SERVICE_TOKEN, call, initialize};

const MCP: &str = "/mine/mcp";
/// Of an access token of the inner Keyward, in seconds.
const LIFETIME: u64 = 4;

/// `outer` is what clients call; `inner` protects what it calls.
struct Nested {
    outer: Keyward,
    inner: Keyward,
    _notes: Notes,
}

impl Nested {
    fn start() -> Result<Self> {
        let notes = Notes::start()?;
        let issuer = format!("access_token_lifetime = \"{LIFETIME}s\"");
        let behind = Server::new("notes", &notes.url).credential("notes/api_token");
        let inner = keyward("localhost", Configuration::sqlite().issuer(&issuer).behind(&behind))?;
        inner.put_token("notes/api_token", SERVICE_TOKEN)?;
        let resource = inner.resource("notes");
        let connection = format!(
            "[[connections]]\nid = \"notes\"\nname = \"The Notes\"\nresource = {resource:?}\nallow_private_addresses = true\n"
        );
        let behind = Server::new("mine", &resource).connection("notes");
        let outer = keyward("127.0.0.1", Configuration::sqlite().section(&connection).behind(&behind))?;
        Ok(Self { outer, inner, _notes: notes })
    }

    /// Chromium goes from the outer Keyward to the inner one, where the person is somebody else, and back.
    fn connect(&self, here: &Person, there: &Person) -> Result<Value> {
        let ride = json!({
            "start": format!("{}/connect/notes", self.outer.url()), "email": here.email, "password": here.password,
            "elsewhere": { self.inner.url(): { "email": there.email, "password": there.password } },
            "click": ["form:not([action$='/end']) button"],
        });
        let answer = ride_through(&ride)?.succeeded()?.json_lines()?.pop().context("no answer")?;
        let text = answer["ended"]["text"].as_str().unwrap_or_default();
        ensure!(text.contains("The Notes is connected"), "the ride ended at {answer:#}");
        ensure!(answer["console"] == json!([]), "the browser's console says {}", answer["console"]);
        Ok(answer)
    }

    /// The only grant, as the outer Keyward lists it.
    fn grant(&self) -> Result<Value> {
        let listed = self.outer.list(&["connection", "list"])?;
        ensure!(listed.as_array().is_some_and(|rows| rows.len() == 1), "not one connection: {listed}");
        Ok(listed[0].clone())
    }
}

/// Each under a host name of its own: browsers send the cookies of a host to all of its ports.
fn keyward(host: &str, configuration: Configuration) -> Result<Keyward> {
    // Its public URL, and with it the resource identifier of its server, is known before it starts.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let mut keyward =
        Keyward::configured(&configuration.server(&format!("public_url = \"http://{host}:{}\"", address.port())))?;
    keyward.set_environment("KEYWARD__SERVER__LISTEN", &address.to_string());
    keyward.start()?;
    Ok(keyward)
}

fn member(keyward: &Keyward, email: &str, password: &str) -> Result<Person> {
    let person = Person { email: email.into(), password: password.into() };
    create_account_at(&person::invite(keyward, &person)?, keyward.url(), &person)?;
    Ok(person)
}

/// The credential that the server behind both got of a call of its tool.
fn got(answer: &Response) -> Result<Value> {
    ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
    let message = answer.message()?;
    let headers = message["result"]["content"][0]["text"].as_str().with_context(|| format!("no text in {message}"))?;
    Ok(serde_json::from_str::<Value>(headers)?["authorization"].clone())
}

/// The parameters of the one redirect to an address that begins so.
fn redirected(ride: &Value, to: &str) -> Result<Vec<(String, String)>> {
    let all = ride["redirects"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let found =
        all.into_iter().find(|target| target.starts_with(to)).with_context(|| format!("none to {to}: {ride:#}"))?;
    Ok(url::Url::parse(found)?.query_pairs().into_owned().collect())
}

/// A session with the server behind both, and calls in it.
struct Session<'a> {
    keyward: &'a Keyward,
    token: String,
    id: String,
}

impl<'a> Session<'a> {
    fn begin(keyward: &'a Keyward, token: &str) -> Result<Self> {
        let answer = keyward.send(&initialize(MCP).bearer(token))?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        let id = answer.header("mcp-session-id").context("no session")?;
        let session = Self { keyward, token: token.to_owned(), id };
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let answer = session.send(Request::mcp(MCP, &initialized).header("MCP-Protocol-Version", "2025-11-25"))?;
        ensure!(answer.status == 202, "{}: {}", answer.status, answer.text());
        Ok(session)
    }

    fn send(&self, request: Request) -> Result<Response> {
        self.keyward.send(&request.bearer(&self.token).header("Mcp-Session-Id", &self.id))
    }

    fn call(&self) -> Result<Response> {
        self.send(call(MCP, "arrived_headers"))
    }
}

#[test]
fn an_mcp_server_that_is_protected_itself_is_called_with_the_persons_grant() -> Result<()> {
    let nested = Nested::start()?;
    let Nested { outer, inner, .. } = &nested;
    let here = member(outer, "ada@example.com", "correct horse battery staple")?;
    let there = member(inner, "ada@elsewhere.example", "another horse battery staple")?;
    let arguments =
        ["bearer", "issue", "--name", "t", "--server", "mine", "--scope", "mine:read", "--email", &here.email];
    let token = outer.run_ok(&arguments, "")?.trim().to_owned();
    let refused = wait::until("the token to be known", || {
        let answer = outer.send(&initialize(MCP).bearer(&token))?;
        Ok((answer.status != 401).then_some(answer))
    })?;
    assert_eq!((refused.status, &refused.json()?["error"]["data"]["reason"]), (403, &json!("not_connected")));
    assert_eq!(inner.list(&["client", "list"])?, json!([]));

    let ride = nested.connect(&here, &there)?;
    let kinds: Vec<&Value> = ride["pages"].as_array().into_iter().flatten().map(|page| &page["kind"]).collect();
    assert_eq!(kinds, ["login", "end", "login", "consent", "end"], "{ride:#}");
    let clients = inner.list(&["client", "list"])?;
    assert_eq!(clients.as_array().map(Vec::len), Some(1), "Keyward has registered: {clients}");
    let asked = redirected(&ride, &format!("{}/authorize?", inner.url()))?;
    let of = |parameters: &[(String, String)], name: &str| -> Option<String> {
        keyward_e2e::oauth::value(parameters, name).map(str::to_owned)
    };
    assert_eq!(of(&asked, "client_id").as_deref(), clients[0]["client_id"].as_str());
    assert_eq!(of(&asked, "resource"), Some(inner.resource("notes")));
    assert_eq!(of(&asked, "scope").as_deref(), Some("notes:read offline_access"), "what the metadata of both names");
    assert_eq!(of(&asked, "code_challenge_method").as_deref(), Some("S256"));
    let answered = redirected(&ride, &format!("{}/connect/notes/callback?", outer.url()))?;
    assert_eq!(of(&answered, "iss").as_deref(), Some(inner.url()));

    let session = Session::begin(outer, &token)?;
    let carried = json!(format!("Bearer {SERVICE_TOKEN}"));
    assert_eq!(got(&session.call()?)?, carried);
    let calls = inner.list(&["audit", "list", "--action", "call"])?;
    let calls = calls.as_array().context("records")?;
    assert!(!calls.is_empty() && calls.iter().all(|record| record["user_email"] == there.email.as_str()), "{calls:?}");

    // Twice, so that the refresh token that is used the second time is the one that came with the first refresh: the
    // inner Keyward gives each once.
    for _ in 0..2 {
        let before = nested.grant()?;
        std::thread::sleep(Duration::from_secs(LIFETIME + 1));
        assert_eq!(got(&session.call()?)?, carried, "the access token has ended, the grant has not");
        let after = nested.grant()?;
        assert!(after["version"].as_i64() > before["version"].as_i64(), "refreshed: {before} {after}");
    }
    let refreshes = inner.list(&["audit", "list", "--action", "grant.refresh", "--user", &there.email])?;
    let refreshes = refreshes.as_array().context("records")?;
    assert!(refreshes.len() >= 2 && refreshes.iter().all(|record| record["result"] == "ok"), "{refreshes:?}");

    // She takes it back where she gave it.
    let ride = json!({
        "start": format!("{}/account", inner.url()), "email": there.email, "password": there.password,
        "click": ["form[data-grant] button"],
    });
    ride_through(&ride)?.succeeded()?;
    let refused = wait::until("the grant to be known as ended", || {
        let answer = session.call()?;
        assert_ne!(answer.status, 401, "logging in again at this Keyward would not help");
        Ok((answer.status == 403).then_some(answer))
    })?;
    let error = &refused.json()?["error"];
    assert_eq!(error["data"]["reason"], "connection_broken", "{error}");
    assert_eq!(error["data"]["connect_url"], format!("{}/connect/notes", outer.url()));
    let broken = nested.grant()?;
    assert_eq!((&broken["state"], &broken["reason"]), (&json!("broken"), &json!("refused")), "{broken}");

    nested.connect(&here, &there)?;
    assert_eq!(got(&Session::begin(outer, &token)?.call()?)?, carried);
    assert!(!outer.written().contains("eyJ"), "no access token stands in what Keyward wrote");
    Ok(())
}
