//! People's own accounts at a real provider: a certified OpenID provider with refresh token rotation, Chromium, and two
//! Keywards on one PostgreSQL.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::http::Response;
use keyward_e2e::keyward::Keyward;
use keyward_e2e::person::{self, Person, create_account_at, ride_through};
use keyward_e2e::postgres;
use keyward_e2e::postgres_server::{self, End};
use keyward_e2e::process::Running;
use keyward_e2e::upstream::scripted::Scripted;
use keyward_e2e::{wait, workspace};
use serde_json::{Value, json};

use crate::scene::{call, initialize};

/// The provider, and all that it has told.
pub(crate) struct Provider {
    process: Running,
    pub(crate) issuer: String,
}

impl Provider {
    pub(crate) fn start(options: &Value) -> Result<Self> {
        let mut command = Command::new(workspace::node()?);
        command.arg(workspace::node_program("oauth-provider.mjs")).arg("-");
        let mut process = Running::start(&mut command, options.to_string().as_bytes())?;
        let issuer = process.wait_for_event("listening")?["issuer"].as_str().context("no issuer")?.to_owned();
        Ok(Self { process, issuer })
    }

    /// What Keyward is told of it.
    pub(crate) fn section(&self) -> String {
        format!(
            "[[connections]]\nid = \"idp\"\nname = \"The Provider\"\nissuer = {:?}\nclient_id = \"keyward\"\n\
             client_secret = \"env:IDP_SECRET\"\nscopes = [\"openid\", \"offline_access\"]\nallow_private_addresses = true\n",
            self.issuer
        )
    }

    pub(crate) fn told(&self, event: &str) -> Vec<Value> {
        let output = self.process.stdout();
        let lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["event"] == event).collect()
    }

    /// The access tokens that were minted for an account.
    pub(crate) fn tokens_of(&self, account: &str) -> BTreeSet<String> {
        let minted = self.told("minted").into_iter().filter(|minted| minted["account"] == account);
        minted.filter_map(|minted| minted["access_token"].as_str().map(|token| format!("Bearer {token}"))).collect()
    }

    fn refreshes(&self) -> usize {
        let minted = self.told("minted");
        minted.iter().filter(|minted| minted["grant_type"].as_str().is_some_and(|it| it.contains("refresh"))).count()
    }
}

pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// A server that answers everything with the credential that it got.
pub(crate) fn mirror() -> Result<Scripted> {
    Scripted::start(|request, connection| {
        let got = request.header("authorization").unwrap_or_default();
        connection.result(request, &json!({ "got": got }))
    })
}

fn configuration(storage: Configuration, provider: &Provider, upstream: &str) -> Configuration {
    storage.behind(&Server::new("mine", upstream).connection("idp")).section(&provider.section())
}

/// Keyward at an address that is known before it starts, and its provider.
fn started(options: Value, storage: Configuration, upstream: &Scripted) -> Result<(Keyward, Provider)> {
    let address = free_address()?;
    let mut options = options;
    options["redirect_uris"] = json!([format!("http://{address}/connect/idp/callback")]);
    let provider = Provider::start(&options)?;
    let storage = storage.server(&format!("public_url = \"http://{address}\""));
    let mut keyward = Keyward::configured(&configuration(storage, &provider, &upstream.url()))?;
    keyward.set_environment("KEYWARD__SERVER__LISTEN", &address.to_string());
    keyward.set_environment("IDP_SECRET", "s3cret");
    keyward.start()?;
    Ok((keyward, provider))
}

/// Another Keyward with the same database, key and public URL.
fn beside(first: &Keyward, provider: &Provider, database: &str, upstream: &Scripted) -> Result<Keyward> {
    let mut second = Keyward::in_empty_folder()?;
    let keys = format!("[keys]\npath = {:?}\n", first.path("keyward.key"));
    let storage = Configuration::on(database).server(&format!("public_url = {:?}", first.url())).section(&keys);
    second.configure(&configuration(storage, provider, &upstream.url()).text())?;
    second.set_environment("IDP_SECRET", "s3cret");
    second.start()?;
    Ok(second)
}

fn member(keyward: &Keyward, name: &str) -> Result<Person> {
    let person = Person { email: format!("{name}@example.com"), password: "correct horse battery staple".to_owned() };
    create_account_at(&person::invite(keyward, &person)?, keyward.url(), &person)?;
    Ok(person)
}

/// Chromium goes from Keyward to the provider and back.
pub(crate) fn connect(keyward: &Keyward, person: &Person, at_provider: &str) -> Result<Value> {
    let ride = json!({
        "start": format!("{}/connect/idp", keyward.url()), "email": person.email, "password": person.password,
        "provider_login": at_provider, "click": ["form:not([action$='/end']) button"],
        "screenshots": std::env::var("KEYWARD_E2E_SCREENSHOTS").ok().map(|folder| format!("{folder}/{at_provider}")),
    });
    let answer = ride_through(&ride)?.succeeded()?.json_lines()?.pop().context("no answer")?;
    let text = answer["ended"]["text"].as_str().unwrap_or_default();
    ensure!(text.contains("The Provider is connected"), "the ride ended at {answer}");
    Ok(answer)
}

/// A token for calls in somebody's name, without a client.
fn bearer(keyward: &Keyward, person: &Person) -> Result<String> {
    let arguments =
        ["bearer", "issue", "--name", "t", "--server", "mine", "--scope", "mine:read", "--email", &person.email];
    let token = keyward.run_ok(&arguments, "")?.trim().to_owned();
    wait::until("the token to be known", || {
        Ok((keyward.send(&initialize("/mine/mcp").bearer(&token))?.status != 401).then_some(()))
    })?;
    Ok(token)
}

/// What upstream got of a call.
pub(crate) fn got(answer: &Response) -> Result<String> {
    ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
    let message = answer.message()?;
    Ok(message["result"]["got"].as_str().context("no word of what was got")?.to_owned())
}

#[test]
fn two_people_connect_and_each_call_carries_its_own_token() -> Result<()> {
    let upstream = mirror()?;
    let (keyward, provider) = started(json!({}), Configuration::sqlite(), &upstream)?;
    let (ada, eve) = (member(&keyward, "ada")?, member(&keyward, "eve")?);
    let tokens = (bearer(&keyward, &ada)?, bearer(&keyward, &eve)?);

    let refused = keyward.send(&call("/mine/mcp", "x").bearer(&tokens.0))?;
    assert_eq!(refused.status, 403);
    assert!(refused.header("www-authenticate").is_none(), "logging in again would not help");
    let error = &refused.json()?["error"];
    assert_eq!(error["data"]["reason"], "not_connected");
    assert_eq!(error["data"]["connect_url"], format!("{}/connect/idp", keyward.url()));

    connect(&keyward, &ada, "ada-there")?;
    connect(&keyward, &eve, "eve-there")?;
    for _ in 0..20 {
        let ada_got = got(&keyward.send(&call("/mine/mcp", "x").bearer(&tokens.0))?)?;
        let eve_got = got(&keyward.send(&call("/mine/mcp", "x").bearer(&tokens.1))?)?;
        assert!(provider.tokens_of("ada-there").contains(&ada_got), "{ada_got}");
        assert!(provider.tokens_of("eve-there").contains(&eve_got), "{eve_got}");
    }
    let listed = keyward.list(&["connection", "list"])?;
    let owners: Vec<&Value> = listed.as_array().into_iter().flatten().map(|row| &row["owner"]).collect();
    assert_eq!(owners, ["ada@example.com", "eve@example.com"]);

    keyward.run_ok(&["connection", "end", "idp", "--owner", "ada@example.com", "--yes"], "")?;
    wait::until("the end to be heard of", || {
        Ok((keyward.send(&call("/mine/mcp", "x").bearer(&tokens.0))?.status == 403).then_some(()))
    })?;
    keyward.run_ok(&["user", "disable", "eve@example.com"], "")?;
    assert_eq!(keyward.list(&["connection", "list"])?, json!([]));
    let given_back = keyward.list(&["audit", "list", "--action", "connection.revoke"])?;
    let given_back =
        given_back.as_array().into_iter().flatten().map(|record| (&record["user_email"], &record["result"]));
    let both = [(&json!("eve@example.com"), &json!("ok")), (&json!("ada@example.com"), &json!("ok"))];
    assert_eq!(given_back.collect::<Vec<_>>(), both, "the newest first");
    let written = keyward.written();
    for token in provider.told("minted") {
        let token = token["access_token"].as_str().context("a token")?;
        assert!(!written.contains(token), "an access token stands in what Keyward wrote");
    }
    Ok(())
}

#[test]
fn two_keywards_refresh_a_grant_once_a_period_under_load() -> Result<()> {
    let upstream = mirror()?;
    let database = postgres::new_database()?;
    let storage = Configuration::on(&database);
    let (first, provider) = started(json!({ "access_token_seconds": 4 }), storage, &upstream)?;
    let second = beside(&first, &provider, &database, &upstream)?;
    let ada = member(&first, "ada")?;
    let token = bearer(&first, &ada)?;
    connect(&first, &ada, "ada-there")?;

    let host = first.address().to_string();
    let seen = std::thread::scope(|scope| -> Result<BTreeSet<String>> {
        let load = |keyward: &Keyward| -> Result<BTreeSet<String>> {
            let mut seen = BTreeSet::new();
            let request = call("/mine/mcp", "x").bearer(&token).header("Host", &host);
            wait::until("five refreshes", || {
                seen.insert(got(&request.send(keyward.address())?)?);
                Ok((provider.refreshes() >= 5).then_some(()))
            })?;
            Ok(seen)
        };
        let threads: Vec<_> = [&first, &second, &first, &second].map(|it| scope.spawn(move || load(it))).into();
        let mut all = BTreeSet::new();
        for thread in threads {
            all.extend(thread.join().expect("no panic")?);
        }
        Ok(all)
    })?;
    let minted = provider.tokens_of("ada-there");
    assert!(seen.is_subset(&minted), "only tokens of hers: {seen:?}");
    // A second refresh with the same refresh token would have ended the grant at this provider.
    assert!(provider.told("refused").is_empty(), "{:?}", provider.told("refused"));
    let listed = first.list(&["connection", "list"])?;
    assert_eq!((&listed[0]["state"], listed[0]["version"].as_u64()), (&json!("connected"), Some(minted.len() as u64)));
    Ok(())
}

/// Every round, the database server dies while the answer to a refresh is on its way, and is started again when Keyward
/// has it and cannot store it. At this provider a second use of the old refresh token would end the grant.
#[test]
fn a_database_server_that_dies_during_a_refresh_takes_no_grant_along() -> Result<()> {
    let mut database = postgres_server::Server::start()?;
    let upstream = mirror()?;
    let folder = tempfile::tempdir()?;
    let hold = folder.path().join("hold");
    let options = json!({ "access_token_seconds": 4, "hold": hold });
    let (mut first, provider) = started(options, Configuration::on(&database.url()), &upstream)?;
    let second = beside(&first, &provider, &database.url(), &upstream)?;
    let ada = member(&first, "ada")?;
    let token = bearer(&first, &ada)?;
    connect(&first, &ada, "ada-there")?;
    let request = call("/mine/mcp", "x").bearer(&token).header("Host", &first.address().to_string());
    for how in [End::Kill, End::Immediate, End::Fast] {
        fs::write(&hold, "")?;
        let before = provider.refreshes();
        wait::until("a refresh to be worked out", || {
            request.send(first.address())?;
            Ok((provider.refreshes() > before).then_some(()))
        })?;
        database.end(how)?;
        let told = |keyward: &mut Keyward| -> Result<usize> {
            Ok(keyward.process()?.stderr().matches("a refreshed grant is not stored yet").count())
        };
        let earlier = told(&mut first)?;
        fs::remove_file(&hold)?;
        // Until the pauses between its tries are so long that whoever asks first when the server is back is another.
        wait::until("new tokens that cannot be stored", || Ok((told(&mut first)? > earlier + 5).then_some(())))?;
        database.start_again()?;
        // Both ask at once, in competition for the grant.
        let refreshed = std::thread::scope(|scope| -> Result<()> {
            let goes_on = |address: SocketAddr| {
                wait::until("two refreshes more", || {
                    let answer = request.send(address)?;
                    ensure!([200, 503].contains(&answer.status), "{how:?}: {}: {}", answer.status, answer.text());
                    Ok((answer.status == 200 && provider.refreshes() >= before + 3).then_some(()))
                })
            };
            let threads = [first.address(), second.address()].map(|address| scope.spawn(move || goes_on(address)));
            threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
        });
        refreshed?;
        assert!(provider.told("refused").is_empty(), "{how:?}: {:?}", provider.told("refused"));
    }
    assert_eq!(first.list(&["connection", "list"])?[0]["state"], "connected");
    first.run_ok(&["audit", "verify"], "")?;
    Ok(())
}

#[test]
fn a_token_that_upstream_refuses_is_refreshed_and_the_call_made_once_more() -> Result<()> {
    let refused: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let upstream = Scripted::start({
        let refused = Arc::clone(&refused);
        move |request, connection| {
            let got = request.header("authorization").unwrap_or_default();
            if refused.lock().expect("refused").contains(got) {
                return connection.answer("401 Unauthorized", &[("WWW-Authenticate", "Bearer")], "");
            }
            connection.result(request, &json!({ "got": got }))
        }
    })?;
    let (keyward, provider) = started(json!({}), Configuration::sqlite(), &upstream)?;
    let ada = member(&keyward, "ada")?;
    let token = bearer(&keyward, &ada)?;
    connect(&keyward, &ada, "ada-there")?;
    let request = call("/mine/mcp", "x").bearer(&token);
    let first = got(&keyward.send(&request)?)?;
    refused.lock().expect("refused").insert(first.clone());
    // What was minted a few seconds ago is not refused for its age, and is not refreshed.
    let (count, second) = wait::until("the token to be old enough", || {
        let count = upstream.arrived().len();
        let answer = keyward.send(&request)?;
        Ok(if answer.status == 200 { Some((count, got(&answer)?)) } else { None })
    })?;
    let carried = || -> Vec<String> {
        let arrived = upstream.arrived().into_iter().skip(count);
        arrived.map(|request| request.header("authorization").unwrap_or_default().to_owned()).collect()
    };
    assert_ne!(first, second);
    assert_eq!((carried(), provider.refreshes()), (vec![first.clone(), second.clone()], 1), "once more, and no more");
    let calls = keyward.list(&["audit", "list", "--action", "call"])?;
    let versions = calls.as_array().into_iter().flatten().filter_map(|record| {
        let detail: Value = serde_json::from_str(record["detail"].as_str()?).ok()?;
        Some((detail["refused_version"].as_i64()?, detail["credential_version"].as_i64()?))
    });
    assert!(versions.collect::<Vec<_>>().contains(&(1, 2)), "{calls}");
    // Refused at once, too: the caller is told, and nobody tries for ever.
    refused.lock().expect("refused").insert(second.clone());
    assert_ne!(keyward.send(&request)?.status, 200);
    assert_eq!((carried(), provider.refreshes()), (vec![first, second.clone(), second], 1));
    Ok(())
}

#[test]
fn killed_in_the_middle_of_refreshes_it_goes_on_or_says_why_not() -> Result<()> {
    const ROUNDS: u64 = 30;
    let upstream = mirror()?;
    let options = json!({ "access_token_seconds": 2, "slow_ms": 150 });
    let (mut keyward, provider) = started(options, Configuration::sqlite(), &upstream)?;
    let ada = member(&keyward, "ada")?;
    let token = bearer(&keyward, &ada)?;
    connect(&keyward, &ada, "ada-there")?;
    let request = call("/mine/mcp", "x").bearer(&token);
    let (mut went_on, mut broken) = (0, 0);
    for round in 0..ROUNDS {
        // Until the token has half ended a call refreshes nothing; then it does, for up to 0.3 s.
        std::thread::sleep(Duration::from_millis(2_000));
        let address = keyward.address();
        let caller = std::thread::spawn({
            let request = request.clone();
            move || drop(request.send(address))
        });
        std::thread::sleep(Duration::from_millis(round * 37 % 330));
        keyward.process()?.signal("KILL")?;
        keyward.finish()?;
        let _ = caller.join();
        keyward.start()?;
        let answer = wait::until("a final answer", || {
            let answer = request.send(keyward.address())?;
            Ok((answer.status != 503).then_some(answer))
        })?;
        match answer.status {
            200 => {
                assert!(provider.tokens_of("ada-there").contains(&got(&answer)?));
                went_on += 1;
            }
            403 => {
                let reason = answer.json()?["error"]["data"]["reason"].clone();
                assert_eq!(reason, "connection_broken");
                let listed = keyward.list(&["connection", "list"])?;
                assert_eq!(listed[0]["reason"], "interrupted", "the provider had used the token up: {listed}");
                assert!(!provider.told("refused").is_empty());
                connect(&keyward, &ada, "ada-there")?;
                broken += 1;
            }
            other => anyhow::bail!("{other}: {}", answer.text()),
        }
    }
    eprintln!(
        "killed {ROUNDS} times: went on {went_on} times, interrupted after the provider had answered {broken} times"
    );
    assert_eq!(went_on + broken, ROUNDS);
    Ok(())
}
