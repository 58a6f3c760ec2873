//! The clock of the machine jumps by a day, forwards and back, under a running Keyward.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::keyward::Keyward;
use keyward_e2e::oauth::{Client, Tokens};
use keyward_e2e::person::sign_up;
use keyward_e2e::postgres;
use keyward_e2e::wait;

use crate::scene::Scene;

/// Answers questions for the time of day with another; clocks that only go forwards are left alone.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

fn library() -> Result<String> {
    let folders = fs::read_dir("/usr/lib")?.flatten().map(|folder| folder.path());
    let found = folders.map(|folder| folder.join(LIBRARY)).find(|path| path.is_file());
    Ok(found.context("libfaketime is missing; `cargo xtask test` installs it")?.display().to_string())
}

pub(crate) fn jump(keyward: &Keyward, by: &str) -> Result<()> {
    // Whole or not at all, since it is read all the time.
    fs::write(keyward.path("clock.new"), by)?;
    Ok(fs::rename(keyward.path("clock.new"), keyward.path("clock"))?)
}

/// Gives it a clock that [`jump`] sets.
pub(crate) fn with_clock(keyward: &mut Keyward) -> Result<()> {
    let library = library()?;
    ensure!(Path::new(&library).is_file(), "{library}");
    jump(keyward, "+0")?;
    let clock = keyward.path("clock").display().to_string();
    for (name, value) in [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", &clock),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ] {
        keyward.set_environment(name, value);
    }
    Ok(())
}

fn scene(configuration: Configuration) -> Result<Scene> {
    Scene::with(configuration, with_clock)
}

#[test]
fn a_day_forwards_and_two_back_on_sqlite() -> Result<()> {
    a_day_forwards_and_two_back(Configuration::sqlite())
}

#[test]
fn a_day_forwards_and_two_back_on_postgres() -> Result<()> {
    a_day_forwards_and_two_back(Configuration::on(&postgres::new_database()?))
}

fn a_day_forwards_and_two_back(configuration: Configuration) -> Result<()> {
    let mut scene = scene(configuration)?;
    let (_, mut browser) = sign_up(&scene.keyward)?;
    let resource = scene.resource();
    let client = Client::register(&scene.keyward)?;
    let tokens = client.tokens(&mut browser, &resource, "notes:read")?;
    let ended = client.tokens(&mut browser, &resource, "notes:read")?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    assert_eq!(scene.status_with(&tokens.access)?, 200);
    assert_eq!(scene.status_with(&bearer)?, 200);

    jump(&scene.keyward, "+1d")?;
    assert_eq!(scene.status_with(&tokens.access)?, 401, "an access token ends, also one that was just verified");
    assert_eq!(scene.status_with(&bearer)?, 200, "a development token without an end has none");
    assert_eq!(browser.get("/account")?.status, 200, "a session may rest for a day");
    let tomorrow = Tokens::of(&client.token(&client.refreshing(&tokens.refresh))?)?;
    assert_eq!(scene.status_with(&tomorrow.access)?, 200);
    client.revoke(&ended.refresh)?;
    assert_eq!(scene.status_with(&ended.access)?, 401);
    scene.keyward.put_token("notes/api_token", "set tomorrow")?;
    wait::until("the change to be seen", || Ok((scene.status_with(&bearer)? == 200).then_some(())))?;

    jump(&scene.keyward, "-1d")?;
    assert_eq!(scene.status_with(&tomorrow.access)?, 401, "a token of tomorrow is not good yet");
    assert_eq!(scene.status_with(&bearer)?, 200, "the credential is opened anew, and serves");
    assert_eq!(scene.status_with(&ended.access)?, 401, "what was revoked stays revoked");
    assert_eq!(browser.get("/account")?.status, 200, "nobody is logged out");
    let yesterday = Tokens::of(&client.token(&client.refreshing(&tomorrow.refresh))?)?;
    assert_eq!(scene.status_with(&yesterday.access)?, 200, "a refresh gives a token that is good now");
    Client::register(&scene.keyward).context("nobody is locked out by what was counted tomorrow")?;
    scene.keyward.put_token("notes/api_token", "set yesterday")?;

    scene.keyward.restart()?;
    assert_eq!(scene.status_with(&yesterday.access)?, 200);
    assert_eq!(scene.status_with(&bearer)?, 200);
    let shown = scene.keyward.run_ok(&["token", "show", "notes/api_token", "--reveal"], "")?;
    assert_eq!(shown, "set yesterday\n");
    jump(&scene.keyward, "+0")?;
    let again = Tokens::of(&client.token(&client.refreshing(&yesterday.refresh))?)?;
    assert_eq!(scene.status_with(&again.access)?, 200);

    // The order of the log is that of its numbers, whatever the clock said.
    scene.keyward.run_ok(&["audit", "verify"], "")?;
    let records = scene.keyward.list(&["audit", "list", "--limit", "100000"])?;
    let records = records.as_array().context("a list")?;
    let numbers: Vec<u64> = records.iter().filter_map(|record| record["seq"].as_u64()).collect();
    assert!(numbers.len() == records.len() && numbers.windows(2).all(|pair| pair[0] == pair[1] + 1), "{numbers:?}");
    Ok(())
}

/// A refresh token that was used tomorrow is no newer one than it was: the grace does not last until the clock is back.
#[test]
fn the_grace_of_a_refresh_token_does_not_grow() -> Result<()> {
    let scene = scene(Configuration::sqlite())?;
    let (_, mut browser) = sign_up(&scene.keyward)?;
    let client = Client::register(&scene.keyward)?;
    let first = client.tokens(&mut browser, &scene.resource(), "notes:read")?;
    jump(&scene.keyward, "+1d")?;
    Tokens::of(&client.token(&client.refreshing(&first.refresh))?)?;
    jump(&scene.keyward, "+0")?;
    let replayed = client.token(&client.refreshing(&first.refresh))?;
    assert_eq!(replayed.status, 400, "{}", replayed.text());
    Ok(())
}
