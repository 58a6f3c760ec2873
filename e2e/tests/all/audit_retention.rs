//! Old records of the audit log go by themselves: two processes on one database, whose clocks jump two days ahead.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::keyward::Keyward;
use keyward_e2e::{postgres, wait};
use serde_json::Value;

use crate::audit::{beside, load};
use crate::survival_clock::{jump, with_clock};

/// Two records each: the removal takes several pages of records, and others look in between.
const CALLS: u64 = 1_500;

fn configuration(storage: &str) -> Configuration {
    Configuration::on(storage)
        .section("[audit]\nmode = \"fail_closed\"\nkeep = \"1d\"\n")
        .behind(&Server::new("nowhere", "http://127.0.0.1:1/mcp"))
}

#[test]
fn old_records_go_once_on_postgres() -> Result<()> {
    old_records_go_once(&postgres::new_database()?)
}

#[test]
fn old_records_go_once_on_sqlite() -> Result<()> {
    old_records_go_once("sqlite:keyward.db")
}

fn old_records_go_once(storage: &str) -> Result<()> {
    let mut first = Keyward::configured(&configuration(storage))?;
    with_clock(&mut first)?;
    jump(&first, "-2d")?;
    first.start()?;
    let bearer = first.issue_bearer("nowhere", &["nowhere:read"])?;
    load(&first, &bearer, CALLS, &AtomicU64::new(0));
    first.stop()?.succeeded()?;
    first.run_ok(&["audit", "key", "--out", "kept.pem"], "")?;
    first.run_ok(&["audit", "checkpoint", "--out", "kept.jsonl"], "")?;
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(first.path("kept.jsonl"))?)?;
    let border = kept["seq"].as_u64().context("a number")?;
    ensure!(border >= 2 * CALLS, "{kept}");

    jump(&first, "+0")?;
    let storage = match storage.strip_prefix("sqlite:") {
        Some(name) => format!("sqlite:{}", first.path(name).display()),
        None => storage.to_owned(),
    };
    first.start()?;
    let mut second = beside(&first, &configuration(&storage), |second| {
        with_clock(second)?;
        jump(second, "+0")
    })?;

    // Whoever checks the log meanwhile finds it good at every moment.
    let verify = ["audit", "verify", "--checkpoint", "kept.jsonl", "--public-key", "kept.pem"];
    let (is_over, checks) = (AtomicBool::new(false), AtomicU64::new(0));
    let found = thread::scope(|scope| -> Result<Vec<Value>> {
        let checking = scope.spawn(|| -> Result<()> {
            while !is_over.load(Ordering::SeqCst) {
                first.run_ok(&verify, "")?;
                checks.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        });
        let found = wait::until("old records to be gone", || {
            let found = pruned(&first)?;
            let oldest = records(&first)?.first().and_then(|record| record["seq"].as_u64());
            Ok((!found.is_empty() && oldest > Some(border)).then_some(found))
        });
        is_over.store(true, Ordering::SeqCst);
        checking.join().expect("no panic")?;
        found
    })?;
    ensure!(checks.load(Ordering::SeqCst) > 0, "it was checked meanwhile");
    let detail: Value = serde_json::from_str(found[0]["detail"].as_str().context("a detail")?)?;
    ensure!(
        (detail["from"].as_u64(), detail["to"].as_u64()) == (Some(1), Some(border)),
        "up to a checkpoint: {detail}"
    );

    let says = |keyward: &Keyward, what: &str| keyward.written().contains(what);
    wait::until("both to have looked", || {
        let have_looked = [&first, &second].iter().all(|keyward| says(keyward, "old audit records were looked for"));
        Ok(have_looked.then_some(()))
    })?;
    let removed = [&first, &second].map(|keyward| says(keyward, "audit records were removed"));
    ensure!(removed[0] != removed[1], "one of them removes: {removed:?}");
    for keyward in [&first, &second] {
        let answered = AtomicU64::new(0);
        load(keyward, &bearer, 10, &answered);
        ensure!(answered.load(Ordering::SeqCst) >= 10, "both go on");
    }
    second.stop()?.succeeded()?;
    first.stop()?.succeeded()?;
    ensure!(pruned(&first)?.len() == 1, "once");
    let told = first.run_ok(&verify, "")?;
    ensure!(told.contains(&format!("records up to {border} were removed, as a signed checkpoint says")), "{told}");
    let left = records(&first)?;
    let numbers: Vec<u64> = left.iter().filter_map(|record| record["seq"].as_u64()).collect();
    ensure!(numbers == (border + 1..=border + numbers.len() as u64).collect::<Vec<_>>(), "no gap after the border");
    Ok(())
}

fn pruned(keyward: &Keyward) -> Result<Vec<Value>> {
    let found = keyward.list(&["audit", "list", "--action", "audit.prune"])?;
    Ok(found.as_array().context("a list")?.clone())
}

fn records(keyward: &Keyward) -> Result<Vec<Value>> {
    let all = keyward.list(&["audit", "list", "--limit", "100000"])?;
    let mut all = all.as_array().context("a list")?.clone();
    all.reverse();
    Ok(all)
}
