//! The database server dies, restarts, and is replaced by its standby, while calls go on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::keyward::Keyward;
use keyward_e2e::postgres_server::{End, Server};
use keyward_e2e::wait;

use crate::scene::{Scene, initialize};

/// A call is answered only when its record is on disk.
const FAIL_CLOSED: &str = "[audit]\nmode = \"fail_closed\"\n";

/// Calls that go on all the time, and how they ended.
#[derive(Default)]
struct Calls {
    served: AtomicU64,
    refused: AtomicU64,
    stop: AtomicBool,
}

impl Calls {
    fn go_on(&self, scene: &Scene, bearer: &str) -> Result<()> {
        while !self.stop.load(Ordering::Relaxed) {
            let answer = initialize("/notes/mcp").bearer(bearer).send(scene.keyward.address())?;
            let count = match answer.status {
                200 => &self.served,
                503 => &self.refused,
                other => anyhow::bail!("{other}: {}", answer.text()),
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn wait_for(&self, count: &AtomicU64, more: u64) -> Result<()> {
        let enough = count.load(Ordering::Relaxed) + more;
        wait::until("calls", || Ok((count.load(Ordering::Relaxed) >= enough).then_some(())))
    }
}

/// Runs `work` while calls go on; gives how many were served.
fn under_calls(scene: &Scene, bearer: &str, work: impl FnOnce(&Calls) -> Result<()>) -> Result<u64> {
    let calls = Calls::default();
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| calls.go_on(scene, bearer));
        let done = work(&calls);
        calls.stop.store(true, Ordering::Relaxed);
        caller.join().expect("the caller does not panic")?;
        done
    })?;
    Ok(calls.served.into_inner())
}

/// Every call that was served is in the audit log, and the log is whole.
fn all_is_there(scene: &mut Scene, served: u64) -> Result<()> {
    scene.keyward.run_ok(&["audit", "verify"], "")?;
    let records = scene.keyward.list(&["audit", "list", "--action", "call", "--limit", "1000000"])?;
    let records = records.as_array().context("a list")?.len() as u64;
    ensure!(records >= served, "{served} calls were served, and {records} are recorded");
    Ok(())
}

#[test]
fn a_server_that_dies_takes_nothing_along() -> Result<()> {
    let mut server = Server::start()?;
    let mut scene = Scene::new(Configuration::on(&server.url()).section(FAIL_CLOSED))?;
    let process = scene.keyward.process()?.id();
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    let served = under_calls(&scene, &bearer, |calls| {
        for how in [End::Immediate, End::Kill, End::Fast] {
            calls.wait_for(&calls.served, 20)?;
            server.end(how)?;
            calls.wait_for(&calls.refused, 2)?;
            server.start_again()?;
            calls.wait_for(&calls.served, 20).with_context(|| format!("after {how:?}"))?;
        }
        Ok(())
    })?;
    all_is_there(&mut scene, served)?;
    assert_eq!(scene.keyward.process()?.id(), process);
    scene.keyward.put_token("notes/other", "written after all that")?;
    scene.keyward.stop()?.succeeded()?;
    Ok(())
}

#[test]
fn the_standby_takes_over() -> Result<()> {
    let mut first = Server::start()?;
    let second = first.start_standby()?;
    let hosts = format!("{},{}", first.address(), second.address());
    let url = format!("postgres://keyward@{hosts}/postgres?target_session_attrs=read-write");
    let mut scene = Scene::new(Configuration::on(&url).section(FAIL_CLOSED))?;
    let process = scene.keyward.process()?.id();
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    let served = under_calls(&scene, &bearer, |calls| {
        calls.wait_for(&calls.served, 20)?;
        first.end(End::Kill)?;
        calls.wait_for(&calls.refused, 2)?;
        second.promote()?;
        second.sql("ALTER SYSTEM RESET synchronous_standby_names")?;
        second.sql("SELECT pg_reload_conf()")?;
        calls.wait_for(&calls.served, 20)
    })?;
    all_is_there(&mut scene, served)?;
    assert_eq!(scene.keyward.process()?.id(), process);
    scene.keyward.put_token("notes/other", "written to the new one")?;
    scene.keyward.stop()?.succeeded()?;
    Ok(())
}

/// The server dies while a hook makes a new value, and is back after the hook has answered.
#[test]
fn what_a_rotation_hook_gave_outlives_the_server() -> Result<()> {
    let mut server = Server::start()?;
    let rotation = "[tokens.\"coda/api_token\".rotation]\nevery = \"1s\"\nhook.command = [\"/bin/sh\", \"hook\"]\n\
                    hook.environment = [\"PATH\"]\n";
    let mut keyward = Keyward::configured(&Configuration::on(&server.url()).section(rotation))?;
    let hook = "echo asked >> asked; while ! test -e go; do sleep 0.01; done; echo the-new-value";
    std::fs::write(keyward.path("hook"), hook)?;
    keyward.put_token("coda/api_token", "first")?;
    let asked = |keyward: &Keyward| std::fs::read_to_string(keyward.path("asked")).unwrap_or_default().lines().count();
    std::thread::sleep(std::time::Duration::from_secs(1));
    keyward.start()?;
    wait::until("the hook to be asked", || Ok((asked(&keyward) == 1).then_some(())))?;
    server.end(End::Kill)?;
    std::fs::write(keyward.path("go"), "")?;
    keyward.process()?.wait_for("a value that cannot be stored", |process| {
        process.stderr().contains("the new value that the rotation hook gave is not stored yet").then_some(())
    })?;
    server.start_again()?;
    wait::until("the new value", || {
        let shown = keyward.run_ok(&["token", "show", "coda/api_token", "--reveal"], "")?;
        Ok((shown.trim() == "the-new-value").then_some(()))
    })?;
    assert_eq!(asked(&keyward), 1, "nobody was asked for another");
    keyward.stop()?.succeeded()?;
    assert!(!keyward.written().replace("the-new-value\n", "").contains("the-new-value"), "it stands in the log");
    keyward.run_ok(&["audit", "verify"], "")?;
    Ok(())
}

/// A restore is one long transaction: cut off by the death of the server it leaves nothing, and is done again.
#[test]
fn a_restore_that_is_cut_off_leaves_nothing() -> Result<()> {
    let source = Scene::new(Configuration::sqlite())?;
    source.keyward.run_ok(&["backup", "--to", "good"], "")?;
    let backup = std::fs::read_to_string(source.keyward.path("good"))?;
    let (rows, end) = backup.split_at(backup.len() / 2);

    let mut server = Server::start()?;
    source.configure_anew(Configuration::on(&server.url()))?;
    let mut restore = source.keyward.command(&["restore", "-"])?;
    restore.stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut restore = restore.spawn()?;
    let mut input = restore.stdin.take().context("its input")?;
    std::io::Write::write_all(&mut input, rows.as_bytes())?;
    std::io::Write::flush(&mut input)?;
    wait::until("the restore to be under way", || {
        let busy =
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND pid <> pg_backend_pid()";
        Ok((server.sql(busy)?.trim() != "0").then_some(()))
    })?;
    server.end(End::Kill)?;
    // It may have given up already.
    let _ = std::io::Write::write_all(&mut input, end.as_bytes());
    drop(input);
    let ended = restore.wait_with_output()?;
    assert_eq!(ended.status.code(), Some(1), "{}", String::from_utf8_lossy(&ended.stderr));
    server.start_again()?;
    let tables = server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")?;
    assert_eq!(tables.trim(), "0");
    source.keyward.run_ok(&["restore", "good"], "")?;
    source.keyward.run_ok(&["audit", "verify"], "")?;
    Ok(())
}
