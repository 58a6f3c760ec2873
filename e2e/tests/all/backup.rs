//! Backups of a running Keyward, and what a database is worth that was made from one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::http::Request;
use keyward_e2e::oauth::{Client, Tokens};
use keyward_e2e::person::sign_up;
use keyward_e2e::postgres;

use crate::scene::{SERVICE_TOKEN, Scene, initialize};

#[test]
fn from_sqlite_to_postgres() -> Result<()> {
    everything_moves(Configuration::sqlite(), Configuration::on(&postgres::new_database()?))
}

#[test]
fn from_postgres_to_sqlite() -> Result<()> {
    everything_moves(Configuration::on(&postgres::new_database()?), Configuration::on("sqlite:moved.db"))
}

#[test]
fn from_sqlite_to_sqlite() -> Result<()> {
    everything_moves(Configuration::sqlite(), Configuration::on("sqlite:moved.db"))
}

#[test]
fn from_postgres_to_postgres() -> Result<()> {
    everything_moves(Configuration::on(&postgres::new_database()?), Configuration::on(&postgres::new_database()?))
}

fn everything_moves(from: Configuration, to: Configuration) -> Result<()> {
    let mut scene = Scene::new(from)?;
    let (_, mut browser) = sign_up(&scene.keyward)?;
    let resource = scene.resource();
    let client = Client::register(&scene.keyward)?;
    let tokens = client.tokens(&mut browser, &resource, "notes:read")?;
    let ended = client.tokens(&mut browser, &resource, "notes:read")?;
    client.revoke(&ended.refresh)?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    let keys = scene.keyward.send(&Request::get("/jwks"))?.json()?;

    let taken = under_calls(&scene, &bearer, || {
        for name in ["first", "second"] {
            scene.keyward.run_ok(&["backup", "--to", name], "")?;
            scene.keyward.run_ok(&["backup", "verify", name], "")?;
        }
        Ok(())
    })?;
    assert!(taken > 0, "no call was made meanwhile");
    scene.keyward.stop()?.succeeded()?;
    scene.configure_anew(to)?;
    scene.keyward.run_ok(&["restore", "second"], "")?;
    scene.keyward.start()?;

    assert_eq!(scene.keyward.send(&Request::get("/jwks"))?.json()?, keys, "signing keys");
    assert_eq!(scene.status_with(&tokens.access)?, 200, "access tokens");
    assert_eq!(scene.status_with(&ended.access)?, 401, "revocations");
    assert_eq!(scene.status_with(&bearer)?, 200, "development tokens");
    let refreshed = Tokens::of(&client.token(&client.refreshing(&tokens.refresh))?)?;
    assert_eq!(scene.status_with(&refreshed.access)?, 200, "refresh tokens");
    assert_eq!(browser.get("/account")?.status, 200, "the browser's session");
    let shown = scene.keyward.run_ok(&["token", "show", "notes/api_token", "--reveal"], "")?;
    assert!(shown.contains(SERVICE_TOKEN), "service tokens");
    scene.keyward.run_ok(&["audit", "verify"], "")?;
    let acts = scene.keyward.list(&["audit", "list", "--limit", "1000"])?;
    for action in ["backup.create", "backup.restore"] {
        let told = acts.as_array().context("a list")?.iter().any(|record| record["action"] == action);
        assert!(told, "{action} is not in the audit log");
    }
    Ok(())
}

/// Calls go on, and are all answered, while `work` is done; gives how many there were.
fn under_calls(scene: &Scene, bearer: &str, work: impl FnOnce() -> Result<()>) -> Result<u64> {
    let (stop, made) = (AtomicBool::new(false), AtomicU64::new(0));
    let address = scene.keyward.address();
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| -> Result<()> {
            while !stop.load(Ordering::Relaxed) {
                let answer = initialize("/notes/mcp").bearer(bearer).send(address)?;
                anyhow::ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
                made.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
        let done = work();
        stop.store(true, Ordering::Relaxed);
        caller.join().expect("the caller does not panic")?;
        done
    })?;
    Ok(made.into_inner())
}

#[test]
fn a_frozen_sqlite_goes_on_with_calls() -> Result<()> {
    a_frozen_database_goes_on_with_calls(Configuration::sqlite())
}

#[test]
fn a_frozen_postgres_goes_on_with_calls() -> Result<()> {
    a_frozen_database_goes_on_with_calls(Configuration::on(&postgres::new_database()?))
}

fn a_frozen_database_goes_on_with_calls(configuration: Configuration) -> Result<()> {
    let mut scene = Scene::new(configuration.clone())?;
    let (_, mut browser) = sign_up(&scene.keyward)?;
    let client = Client::register(&scene.keyward)?;
    let tokens = client.tokens(&mut browser, &scene.resource(), "notes:read")?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    under_calls(&scene, &bearer, || {
        scene.keyward.run_ok(&["backup", "--freeze", "--to", "frozen"], "")?;
        let refused = scene.keyward.run(&["token", "set", "notes/other"], "value\n")?;
        assert_eq!(refused.code(), Some(1));
        assert!(refused.stderr.contains("the database is frozen"), "{}", refused.stderr);
        let refresh = client.token(&client.refreshing(&tokens.refresh))?;
        assert!(refresh.status >= 500, "{}: {}", refresh.status, refresh.text());
        Ok(())
    })?;
    scene.keyward.stop()?;
    scene.configure_anew(Configuration::on("sqlite:moved.db"))?;
    scene.keyward.run_ok(&["restore", "frozen"], "")?;
    scene.keyward.start()?;
    let refreshed = Tokens::of(&client.token(&client.refreshing(&tokens.refresh))?)?;
    assert_eq!(scene.status_with(&refreshed.access)?, 200, "what was refused is done on the new database");
    scene.keyward.run_ok(&["audit", "verify"], "")?;

    scene.configure_anew(configuration)?;
    scene.keyward.run_ok(&["backup", "--unfreeze"], "")?;
    scene.keyward.put_token("notes/other", "value")?;
    Ok(())
}

#[test]
fn a_running_database_is_not_replaced() -> Result<()> {
    let mut scene = Scene::new(Configuration::sqlite())?;
    scene.keyward.run_ok(&["backup", "--to", "-"], "")?;
    scene.keyward.run_ok(&["backup", "--to", "good"], "")?;
    let refused = scene.keyward.run(&["restore", "good", "--replace", "--yes"], "")?;
    assert_eq!(refused.code(), Some(1));
    assert!(refused.stderr.contains("stop `keyward serve` first"), "{}", refused.stderr);
    scene.keyward.put_token("notes/other", "after the backup")?;
    scene.keyward.stop()?.succeeded()?;
    scene.keyward.run_ok(&["restore", "good", "--replace", "--yes"], "")?;
    scene.keyward.start()?;
    assert_eq!(scene.keyward.run(&["token", "show", "notes/other"], "")?.code(), Some(1));
    let kept = std::fs::read_dir(scene.keyward.home())?.filter_map(Result::ok);
    let kept: Vec<_> = kept.filter(|entry| entry.file_name().to_string_lossy().contains(".replaced-")).collect();
    assert_eq!(kept.len(), 1, "what was there is kept: {kept:?}");
    Ok(())
}

/// A pipe carries a backup from one machine to another, and one that breaks is no backup.
#[test]
fn backups_go_through_pipes() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let backup = scene.keyward.run_ok(&["backup", "--to", "-"], "")?;
    let verified = scene.keyward.run_ok(&["backup", "verify", "-"], &backup)?;
    assert!(verified.contains("is whole"), "{verified}");
    scene.configure_anew(Configuration::on("sqlite:piped.db"))?;
    let cut = scene.keyward.run(&["restore", "-"], &backup[..backup.len() - 30])?;
    assert_eq!(cut.code(), Some(1), "{}", cut.output());
    scene.keyward.run_ok(&["restore", "-"], &backup)?;
    let shown = scene.keyward.run_ok(&["token", "show", "notes/api_token", "--reveal"], "")?;
    assert!(shown.contains(SERVICE_TOKEN), "{shown}");
    Ok(())
}
