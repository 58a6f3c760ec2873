//! Every word of the audit log's vocabulary, but those in `LEFT_OUT`, is what some act of the built binary is recorded as. A word that is new and that
//! nothing here brings about fails the test.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use keyward_core::audit::Action;
use keyward_e2e::client::{Client as Sdk, script};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::keyward::Keyward;
use keyward_e2e::oauth::{Client, Tokens};
use keyward_e2e::page::{Browser, form_with};
use keyward_e2e::person::{self, Person, sign_up};
use keyward_e2e::upstream::scripted::Scripted;
use keyward_e2e::wait;
use serde_json::{Value, json};

use crate::broker;
use crate::scene::call;

/// Not brought about here: it takes a database that an earlier Keyward has left in its place, and a restored backup is brought
/// up to date as part of `backup.restore`.
const LEFT_OUT: [Action; 1] = [Action::Migrate];

/// Nothing listens there: each call is answered 502, and recorded.
const NOWHERE: &str = "http://127.0.0.1:1/mcp";

type Words = BTreeSet<String>;

type Scenario = fn() -> Result<Words>;

#[test]
fn every_act_that_has_a_name_is_recorded_under_it() -> Result<()> {
    let scenes: [(&str, Scenario); 5] = [
        ("accounts elsewhere", connections),
        ("people who log in elsewhere", logins_elsewhere),
        ("what operators do", operators),
        ("what people and clients do", people),
        ("a log that cannot be written", lost),
    ];
    let mut recorded = Words::new();
    for (what, scene) in scenes {
        recorded.extend(scene().context(what)?);
    }
    let named: Words = Action::ALL.iter().map(|action| action.as_str().to_owned()).collect();
    let left_out: Words = LEFT_OUT.iter().map(|action| action.as_str().to_owned()).collect();
    let missing: Vec<_> = named.difference(&recorded).filter(|word| !left_out.contains(*word)).collect();
    ensure!(missing.is_empty(), "no act here is recorded as {missing:?}");
    ensure!(recorded.is_subset(&named), "{:?}", recorded.difference(&named));
    Ok(())
}

/// What the log says was done, each act once.
fn words(keyward: &Keyward) -> Result<Words> {
    keyward.run_ok(&["audit", "verify"], "")?;
    let records = keyward.list(&["audit", "list", "--limit", "100000"])?;
    let records = records.as_array().context("a list")?;
    records.iter().map(|record| Ok(record["action"].as_str().context("an action")?.to_owned())).collect()
}

fn operators() -> Result<Words> {
    let mut keyward = Keyward::configured(&Configuration::sqlite().behind(&Server::new("coda", NOWHERE)))?;
    // Sealed anew later by what serves: a version whose grace ends, and a token that ends soon.
    keyward.run_ok(&["token", "set", "coda/api_token", "--expires", "1d"], "first")?;
    keyward.run_ok(&["token", "rotate", "coda/api_token", "--grace", "1s", "--expires", "1d"], "second")?;
    keyward.run_ok(&["token", "show", "coda/api_token", "--reveal"], "")?;
    keyward.set_environment("KEYWARD_TOKEN__OTHER__KEY", "moved");
    keyward.run_ok(&["token", "move", "--from", "env", "--to", "sqlite", "other/key"], "")?;
    keyward.run_ok(&["token", "delete", "other/key", "--yes"], "")?;

    keyward.run_ok(&["key", "rotate"], "")?;
    let made = Command::new("age-keygen").arg("-o").arg(keyward.path("identity")).output();
    let made = made.context("age-keygen: `cargo xtask test` installs it")?;
    let told = String::from_utf8(made.stderr)?;
    let recipient = told.trim().strip_prefix("Public key: ").context(told.clone())?;
    keyward.run_ok(&["key", "export-recovery", "--recipient", recipient, "--out", "recovery.age"], "")?;
    keyward.run_ok(&["key", "rotate", "--root", "--to-file", "other.key"], "")?;
    keyward.run_ok(&["key", "restore", "recovery.age", "--identity", "identity", "--yes"], "")?;

    keyward.start()?;
    let bearer = keyward.run_ok(&["bearer", "issue", "--name", "test", "--server", "coda"], "")?;
    ensure!(bearer.contains("kwd_"), "{bearer}");
    let id = keyward.list(&["bearer", "list"])?[0]["id"].as_str().context("an id")?.to_owned();
    keyward.run_ok(&["bearer", "revoke", &id], "")?;
    wait::until("the first look at what is due", || {
        let words = words(&keyward)?;
        Ok(["token.sweep", "token.remind"].iter().all(|word| words.contains(*word)).then_some(()))
    })?;
    keyward.stop()?.succeeded()?;

    keyward.run_ok(&["audit", "key", "--rotate", "--yes"], "")?;
    keyward.run_ok(&["audit", "export", "--out", "export.jsonl"], "")?;
    let before_pruning = words(&keyward)?;
    keyward.run_ok(&["audit", "checkpoint", "--out", "checkpoint.jsonl"], "")?;
    keyward.run_ok(&["audit", "prune", "--before", "2100-01-01", "--yes"], "")?;
    Ok(before_pruning.into_iter().chain(words(&keyward)?).collect())
}

fn people() -> Result<Words> {
    let mut keyward = Keyward::started(&Configuration::sqlite().behind(&Server::new("coda", NOWHERE)))?;
    let (ada, mut browser) = sign_up(&keyward)?;
    let (client, resource) = (Client::register(&keyward)?, keyward.resource("coda"));
    let tokens = client.tokens(&mut browser, &resource, "coda:read")?;
    let tokens = Tokens::of(&client.token(&client.refreshing(&tokens.refresh))?)?;
    let called = keyward.send(&call("/coda/mcp", "tool").bearer(&tokens.access))?;
    ensure!(called.status == 502, "{}", called.text());
    client.revoke(&tokens.refresh)?;
    let code = client.code(&mut browser, &resource, "coda:read")?;
    let redemption = client.redemption(&code, &resource);
    Tokens::of(&client.token(&redemption)?)?;
    ensure!(client.token(&redemption)?.status == 400, "a code is used once");
    keyward.run_ok(&["client", "revoke", &client.id, "--yes"], "")?;

    let mut elsewhere = Browser::new(keyward.address(), keyward.url())?;
    log_in(&mut elsewhere, &ada)?;
    let page = browser.get("/account")?;
    ensure!(browser.submit(&form_with(&page, "session")?)?.status == 303, "the other browser is logged out");
    // The first form of the page has the button to log out.
    let page = browser.get("/account")?;
    browser.submit(&form_with(&page, "csrf")?)?;
    ensure!(browser.get("/account")?.status != 200, "logged out");

    let mut forgetful = Browser::new(keyward.address(), keyward.url())?;
    let page = forgetful.get(&person::invite(&keyward, &ada)?)?;
    let form = form_with(&page, "password_again")?;
    let new = "another horse battery staple";
    let answer = forgetful.submit(&form.with("email", &ada.email).with("password", new).with("password_again", new))?;
    ensure!(answer.status == 303, "{}", answer.text());
    keyward.run_ok(&["user", "disable", &ada.email], "")?;

    keyward.stop()?.succeeded()?;
    keyward.run_ok(&["backup", "--to", "copy.backup"], "")?;
    let copy = Keyward::configured(&Configuration::sqlite())?;
    fs::copy(keyward.path("keyward.key"), copy.path("keyward.key"))?;
    copy.run_ok(&["restore", &keyward.path("copy.backup").display().to_string()], "")?;
    Ok(words(&keyward)?.into_iter().chain(words(&copy)?).collect())
}

fn log_in(browser: &mut Browser, person: &Person) -> Result<()> {
    let page = browser.get("/account")?;
    let page = browser.follow(page)?;
    let form = form_with(&page, "password")?.with("email", &person.email).with("password", &person.password);
    let answer = browser.submit(&form)?;
    ensure!(answer.status == 303, "logging in: {} {}", answer.status, answer.text());
    Ok(())
}

/// A provider without metadata, whose tokens end after a second and whose grants can be refreshed once; it is the server
/// behind, too.
fn provider() -> Result<Scripted> {
    let refreshed = AtomicU64::new(0);
    Scripted::start(move |request, connection| {
        let json = [("Content-Type", "application/json")];
        match request.target.as_str() {
            "/token" => {
                let is_refresh = String::from_utf8_lossy(&request.body).contains("grant_type=refresh_token");
                if is_refresh && refreshed.fetch_add(1, Ordering::SeqCst) > 0 {
                    return connection.answer("400 Bad Request", &json, "{\"error\":\"invalid_grant\"}");
                }
                let tokens =
                    json!({ "access_token": "a", "token_type": "Bearer", "expires_in": 1, "refresh_token": "r" });
                connection.answer("200 OK", &json, &tokens.to_string())
            }
            "/revoke" => connection.answer("200 OK", &json, ""),
            _ => connection.result(request, &json!({})),
        }
    })
}

fn connections() -> Result<Words> {
    let provider = provider()?;
    let at = format!("http://{}", provider.address());
    let connection = format!(
        "[[connections]]\nid = \"idp\"\nauthorization_endpoint = \"{at}/authorize\"\ntoken_endpoint = \"{at}/token\"\n\
         revocation_endpoint = \"{at}/revoke\"\nclient_id = \"keyward\"\nclient_secret = \"env:IDP_SECRET\"\n\
         allow_private_addresses = true\n"
    );
    let behind = Server::new("mine", &provider.url()).connection("idp");
    // Its redirect URI is known before it starts.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let configuration = Configuration::sqlite().server(&format!("public_url = \"http://{address}\""));
    let mut keyward = Keyward::configured(&configuration.behind(&behind).section(&connection))?;
    keyward.set_environment("KEYWARD__SERVER__LISTEN", &address.to_string());
    keyward.set_environment("IDP_SECRET", "s3cret");
    keyward.start()?;
    let (ada, mut browser) = sign_up(&keyward)?;
    let page = browser.get("/connect/idp")?;
    let away = browser.submit(&form_with(&page, "csrf")?)?;
    let away = url::Url::parse(&away.header("location").with_context(|| away.text())?)?;
    let state = away.query_pairs().find(|(name, _)| name == "state").context("a state")?.1.into_owned();
    let back = browser.get(&format!("/connect/idp/callback?code=c&state={state}"))?;
    ensure!(back.status < 400, "{} {}", back.status, back.text());

    let arguments =
        ["bearer", "issue", "--name", "t", "--server", "mine", "--scope", "mine:read", "--email", &ada.email];
    let bearer = keyward.run_ok(&arguments, "")?.trim().to_owned();
    wait::until("the grant to be refreshed, and then to be broken", || {
        let answer = keyward.send(&call("/mine/mcp", "tool").bearer(&bearer))?;
        Ok((answer.status == 403).then_some(()))
    })?;
    keyward.run_ok(&["connection", "end", "idp", "--owner", &ada.email, "--yes"], "")?;
    keyward.stop()?.succeeded()?;
    words(&keyward)
}

/// Somebody who has an account with a password logs in at a provider for the first time.
fn logins_elsewhere() -> Result<Words> {
    let (mut scene, _provider) = broker::scene("link_by_email = true")?;
    scene.keyward.stop()?.succeeded()?;
    let with_provider = fs::read_to_string(scene.keyward.path("keyward.toml"))?;
    let url = format!("public_url = {:?}", scene.keyward.url());
    scene.configure_anew(Configuration::sqlite().server(&url))?;
    scene.keyward.start()?;
    let (ada, _) = sign_up(&scene.keyward)?;
    scene.keyward.stop()?.succeeded()?;
    scene.keyward.configure(&with_provider)?;
    scene.keyward.start()?;
    Sdk::TypeScript2.run(&script(&scene.resource(), &ada, &[json!({ "do": "login" })]))?;
    words(&scene.keyward)
}

/// More calls than wait in memory while the log cannot be written.
fn lost() -> Result<Words> {
    let mut keyward = Keyward::configured(&Configuration::sqlite().behind(&Server::new("coda", NOWHERE)))?;
    keyward.set_environment("KEYWARD__LOG__LEVEL", "error");
    keyward.start()?;
    let bearer = keyward.issue_bearer("coda", &["coda:read"])?;
    let database = rusqlite::Connection::open(keyward.path("keyward.db"))?;
    database.busy_timeout(wait::LIMIT)?;
    database.execute_batch("ALTER TABLE audit_head RENAME TO audit_head_away")?;
    let request = String::from_utf8(call("/coda/mcp", "tool").bearer(&bearer).bytes(keyward.address()))?;
    let request = request.replace("Connection: close\r\n", "");
    wait::until_limit(wait::PROGRAM_LIMIT, "records to be lost", || {
        std::thread::scope(|scope| -> Result<()> {
            let floods: Vec<_> = (0..4).map(|_| scope.spawn(|| flood(&keyward, &request))).collect();
            floods.into_iter().try_for_each(|flood| flood.join().expect("no panic"))
        })?;
        let told = keyward.written();
        Ok((told.contains("audit records were given up") || told.contains("audit records were dropped")).then_some(()))
    })?;
    database.execute_batch("ALTER TABLE audit_head_away RENAME TO audit_head")?;
    let told = wait::until("the log to tell of it", || {
        let told = keyward.list(&["audit", "list", "--action", "audit.lost"])?;
        Ok(told.as_array().is_some_and(|told| !told.is_empty()).then_some(told))
    })?;
    let detail: Value = serde_json::from_str(told[0]["detail"].as_str().context("a detail")?)?;
    ensure!(detail["count"].as_u64().is_some_and(|count| count > 0), "{told}");
    keyward.stop()?.succeeded()?;
    keyward.run_ok(&["audit", "verify"], "")?;
    Ok([Action::AuditLost.as_str().to_owned()].into())
}

/// Many calls on one connection, each sent without waiting for the answer before.
fn flood(keyward: &Keyward, request: &str) -> Result<()> {
    const CALLS: usize = 500;
    let mut connection = TcpStream::connect(keyward.address())?;
    connection.set_read_timeout(Some(wait::LIMIT))?;
    let (mut answers, mut part) = (String::new(), [0; 1 << 16]);
    for _ in 0..10 {
        connection.write_all(request.repeat(CALLS / 10).as_bytes())?;
    }
    while answers.matches("HTTP/1.1 502").count() < CALLS {
        let length = connection.read(&mut part)?;
        ensure!(length > 0, "it hung up after {answers}");
        answers.push_str(std::str::from_utf8(&part[..length])?);
    }
    Ok(())
}
