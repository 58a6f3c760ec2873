//! Rotation by a hook, killed at every moment.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::keyward::Keyward;
use keyward_e2e::oauth::Client;
use keyward_e2e::person::sign_up;
use keyward_e2e::postgres;
use keyward_e2e::process::Running;
use keyward_e2e::upstream::scripted::Scripted;
use keyward_e2e::wait;
use serde_json::json;

use crate::scene::call;

const TOKEN: &str = "coda/api_token";

/// Notes every value that it gives before it gives it.
const HOOK: &str = "\
n=$(cat count 2>/dev/null || echo 0); n=$((n + 1)); echo $n > count
echo issued-$n >> issued
sleep 0.02
echo issued-$n
";

fn rotating(configuration: Configuration) -> Result<Keyward> {
    let rotation = "[tokens.\"coda/api_token\".rotation]\nevery = \"1s\"\nhook.command = [\"/bin/sh\", \"hook\"]\n\
                    hook.environment = [\"PATH\"]\n";
    let keyward = Keyward::configured(&configuration.section(rotation))?;
    fs::write(keyward.path("hook"), HOOK)?;
    keyward.put_token(TOKEN, "first")?;
    Ok(keyward)
}

/// The current value and version; there always is one, and it is one that was given.
fn current(keyward: &Keyward) -> Result<(String, i64)> {
    let value = keyward.run_ok(&["token", "show", TOKEN, "--reveal"], "")?.trim().to_owned();
    let issued = fs::read_to_string(keyward.path("issued")).unwrap_or_default();
    let known: BTreeSet<&str> = issued.lines().chain(["first"]).collect();
    assert!(known.contains(value.as_str()), "{value} was never given; {known:?} were");
    let version = keyward.list(&["token", "show", TOKEN])?["version"].as_i64().context("a version")?;
    Ok((value, version))
}

fn killed_at_every_moment(configuration: Configuration, rounds: u32) -> Result<()> {
    let keyward = rotating(configuration)?;
    let began = Instant::now();
    keyward.run_ok(&["token", "rotate", TOKEN, "--hook"], "")?;
    let whole = began.elapsed();
    let (mut at, mut changes) = (current(&keyward)?, 0);
    for round in 0..rounds {
        let mut command = keyward.command(&["token", "rotate", TOKEN, "--hook"])?;
        let process = Running::start(&mut command, b"")?;
        // Past the end, too, so that some rounds finish on a machine whose pace changes.
        std::thread::sleep(whole * (round % 50) / 40);
        drop(process);
        let now = current(&keyward)?;
        assert!(now.1 == at.1 && now.0 == at.0 || now.1 == at.1 + 1 && now.0 != at.0, "{at:?} became {now:?}");
        changes += u32::from(now.1 != at.1);
        at = now;
    }
    // Nothing that a killed process held stands in the way of the next.
    keyward.run_ok(&["token", "rotate", TOKEN, "--hook"], "")?;
    assert_eq!(current(&keyward)?.1, at.1 + 1, "after {changes} rotations in {rounds} rounds");
    keyward.run_ok(&["audit", "verify"], "")?;
    Ok(())
}

#[test]
fn a_kill_leaves_the_old_version_or_the_new_one_on_sqlite() -> Result<()> {
    killed_at_every_moment(Configuration::sqlite(), 50)
}

#[test]
fn a_kill_leaves_the_old_version_or_the_new_one_on_postgres() -> Result<()> {
    killed_at_every_moment(Configuration::on(&postgres::new_database()?), 50)
}

/// Due all the time: each value that its hook gives ends soon.
const ENDING_HOOK: &str = "\
n=$(cat count 2>/dev/null || echo 0); n=$((n + 1)); echo $n > count
end=$(date -u -d '+30 minutes' +%Y-%m-%dT%H:%M:%SZ)
echo issued-$n >> issued
sleep 0.02
printf '{\"value\": \"issued-%s\", \"expires_at\": \"%s\"}' $n $end
";

#[test]
fn a_server_rotates_by_itself_and_survives_being_killed_at_it() -> Result<()> {
    const ROUNDS: u64 = 50;
    let rotation = "[tokens.\"coda/api_token\".rotation]\nbefore_expiry = \"1h\"\nhook.command = [\"/bin/sh\", \"hook\"]\n\
                    hook.environment = [\"PATH\"]\n";
    let mut keyward = Keyward::configured(&Configuration::sqlite().section(rotation))?;
    fs::write(keyward.path("hook"), ENDING_HOOK)?;
    keyward.put_token(TOKEN, "first")?;
    keyward.run_ok(&["token", "rotate", TOKEN, "--hook"], "")?;
    let issued = fs::read_to_string;
    let (mut at, mut changes) = (current(&keyward)?, 0);
    for round in 0..ROUNDS {
        let before = issued(keyward.path("issued"))?;
        let mut server = Running::start(&mut keyward.command(&["serve"])?, b"")?;
        server.wait_for("its hook", |_| (issued(keyward.path("issued")).ok()? != before).then_some(()))?;
        // Before the hook answers, while its value is stored, and after.
        std::thread::sleep(Duration::from_millis(round * 7 % 60));
        drop(server);
        let now = current(&keyward)?;
        assert!(now.1 == at.1 && now.0 == at.0 || now.1 == at.1 + 1 && now.0 != at.0, "{at:?} became {now:?}");
        changes += u64::from(now.1 != at.1);
        at = now;
    }
    eprintln!("killed {ROUNDS} times: {changes} times the new value was stored, else the one before stayed");
    keyward.start()?;
    wait::until("a rotation", || Ok((current(&keyward)?.1 > at.1).then_some(())))?;
    keyward.stop()?.succeeded()?;
    keyward.run_ok(&["audit", "verify"], "")?;
    Ok(())
}

/// Upstream takes all but the newest: the version before serves inside its grace, by one call more.
#[test]
fn a_version_that_upstream_refuses_gives_way_to_the_one_before() -> Result<()> {
    let upstream = Scripted::start(|request, connection| match request.header("authorization") {
        Some("Bearer not-yet-known" | "Bearer nor-this") => connection.answer("401 Unauthorized", &[], ""),
        got => connection.result(request, &json!({ "got": got })),
    })?;
    let server = Server::new("coda", &upstream.url()).credential(TOKEN);
    let mut keyward = Keyward::configured(&Configuration::sqlite().behind(&server))?;
    keyward.put_token(TOKEN, "first")?;
    keyward.run_ok(&["token", "rotate", TOKEN, "--grace", "10m"], "not-yet-known")?;
    keyward.start()?;
    let bearer = keyward.issue_bearer("coda", &["coda:read"])?;
    let asked = || keyward.send(&call("/coda/mcp", "get_page").bearer(&bearer));
    let carried = || -> Vec<String> {
        let arrived = upstream.arrived().into_iter();
        arrived.map(|request| request.header("authorization").unwrap_or_default().to_owned()).collect()
    };
    let answer = asked()?;
    assert_eq!((answer.status, &answer.message()?["result"]["got"]), (200, &json!("Bearer first")));
    assert_eq!(carried(), ["Bearer not-yet-known", "Bearer first"], "once more, and no more");
    let calls = keyward.list(&["audit", "list", "--action", "call"])?;
    let detail = calls[0]["detail"].as_str().context("a detail")?;
    assert!(detail.contains(r#""credential_version":1,"refused_version":2"#), "{detail}");
    // Without a grace there is none before it.
    keyward.run_ok(&["token", "set", TOKEN], "nor-this")?;
    let begun = carried().len();
    // Until it has heard of that, what serves tries the version that it knows, which has none before it any more.
    let refused = wait::until("the next version", || {
        let answer = asked()?;
        Ok(carried().iter().any(|it| it == "Bearer nor-this").then_some(answer))
    })?;
    assert_ne!(refused.status, 200, "a version without grace before it");
    assert_ne!(refused.status, 401, "the client's own token is good");
    let last = carried();
    assert_eq!(last[begun..].iter().filter(|it| *it == "Bearer nor-this").count(), 1, "{last:?}");
    Ok(())
}

#[test]
fn each_person_is_called_for_with_their_own_token() -> Result<()> {
    let upstream = Scripted::start(|request, connection| connection.result(request, &json!({})))?;
    let server = Server::new("coda", &upstream.url()).credential(TOKEN);
    let mut keyward = Keyward::configured(&Configuration::sqlite().behind(&server).section("owner = \"user\""))?;
    keyward.put_token(TOKEN, "of-everybody")?;
    keyward.start()?;
    let (person, mut browser) = sign_up(&keyward)?;
    let client = Client::register(&keyward)?;
    let resource = keyward.resource("coda");
    let access = client.tokens(&mut browser, &resource, "coda:read")?.access;
    let asked = || keyward.send(&call("/coda/mcp", "get_page").bearer(&access));
    let refused = asked()?;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(refused.json()?["error"]["data"]["reason"], json!("own_credential_missing"));
    keyward.run_ok(&["token", "set", TOKEN, "--owner", &person.email], "of-this-person")?;
    wait::until("their own token to be taken up", || Ok((asked()?.status == 200).then_some(())))?;
    let carried: BTreeSet<String> =
        upstream.arrived().iter().filter_map(|request| request.header("authorization").map(str::to_owned)).collect();
    assert_eq!(carried, ["Bearer of-this-person".to_owned()].into());
    let bearer = keyward.issue_bearer("coda", &["coda:read"])?;
    let nobody = keyward.send(&call("/coda/mcp", "get_page").bearer(&bearer))?;
    assert_eq!(nobody.json()?["error"]["data"]["reason"], json!("no_account"));
    keyward.run_ok(&["user", "disable", &person.email], "")?;
    wait::until("the account to be closed", || Ok((asked()?.status == 401).then_some(())))?;
    let listed = keyward.list(&["token", "list"])?;
    assert_eq!(listed[1]["owner"], json!(format!("{} (closed)", person.email)));
    Ok(())
}
