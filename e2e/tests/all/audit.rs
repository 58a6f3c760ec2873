//! The audit log of real processes: two on one database, one of them killed, the database away.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::keyward::Keyward;
use keyward_e2e::{postgres, wait};
use serde_json::Value;

use crate::scene::call;

/// Nothing listens there: each call is answered 502, and recorded.
const NOWHERE: &str = "http://127.0.0.1:1/mcp";

fn configuration(storage: &str, mode: &str) -> Configuration {
    Configuration::on(storage).section(&format!("[audit]\nmode = {mode:?}\n")).behind(&Server::new("nowhere", NOWHERE))
}

/// A second process on the database of the first, with the same root key.
pub(crate) fn beside(
    first: &Keyward,
    configuration: &Configuration,
    prepare: impl FnOnce(&mut Keyward) -> Result<()>,
) -> Result<Keyward> {
    let mut second = Keyward::configured(configuration)?;
    prepare(&mut second)?;
    std::fs::copy(first.path("keyward.key"), second.path("keyward.key"))?;
    // Tokens are for one server: both are the same to clients.
    second.set_environment("KEYWARD__SERVER__PUBLIC_URL", first.url());
    second.start()?;
    Ok(second)
}

/// Calls again and again from several threads until a call gets no answer or `enough` are answered; how many were.
pub(crate) fn load(keyward: &Keyward, bearer: &str, enough: u64, answered: &AtomicU64) {
    let address = keyward.address();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while answered.load(Ordering::SeqCst) < enough {
                    match call("/nowhere/mcp", "tool").bearer(bearer).send(address) {
                        Ok(answer) if answer.status == 502 => answered.fetch_add(1, Ordering::SeqCst),
                        _ => break,
                    };
                }
            });
        }
    });
}

fn records(keyward: &Keyward) -> Result<Vec<Value>> {
    keyward.run_ok(&["audit", "export", "--out", "export.jsonl"], "")?;
    let text = std::fs::read_to_string(keyward.path("export.jsonl"))?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

fn admitted(records: &[Value]) -> u64 {
    let is_admission = |record: &&Value| record["detail"].as_str().is_some_and(|detail| detail.contains("admitted"));
    records.iter().filter(is_admission).count() as u64
}

fn two_processes_keep_one_chain(storage: &str) -> Result<()> {
    let mut first = Keyward::started(&configuration(storage, "fail_closed"))?;
    let bearer = first.issue_bearer("nowhere", &["nowhere:read"])?;
    let storage = match storage.strip_prefix("sqlite:") {
        Some(name) => format!("sqlite:{}", first.path(name).display()),
        None => storage.to_owned(),
    };
    let mut second = beside(&first, &configuration(&storage, "fail_closed"), |_| Ok(()))?;
    let (of_first, of_second) = (AtomicU64::new(0), AtomicU64::new(0));
    let doomed = second.process()?.id();
    thread::scope(|scope| -> Result<()> {
        scope.spawn(|| load(&first, &bearer, 300, &of_first));
        scope.spawn(|| load(&second, &bearer, u64::MAX, &of_second));
        wait::until("both to be busy", || {
            let are_busy =
                [&of_first, &of_second].map(|answered| answered.load(Ordering::SeqCst)).iter().all(|n| *n >= 50);
            Ok(are_busy.then_some(()))
        })?;
        let killed = std::process::Command::new("kill").arg("-9").arg(doomed.to_string()).status()?;
        ensure!(killed.success(), "kill -9");
        Ok(())
    })?;
    ensure!(second.finish()?.code().is_none(), "it was killed");
    let killed_at = of_second.load(Ordering::SeqCst);
    second.start()?;
    load(&second, &bearer, killed_at + 50, &of_second);
    second.stop()?.succeeded()?;
    first.stop()?.succeeded()?;

    first.run_ok(&["audit", "key", "--out", "key.pem"], "")?;
    let told = first.run_ok(&["audit", "verify", "--public-key", "key.pem"], "")?;
    ensure!(told.contains("the chain is whole"), "{told}");
    let records = records(&first)?;
    let numbers: Vec<i64> = records.iter().filter_map(|record| record["seq"].as_i64()).collect();
    ensure!(numbers == (1..=numbers.len() as i64).collect::<Vec<_>>(), "no gap, nothing twice");
    let answered = of_first.load(Ordering::SeqCst) + of_second.load(Ordering::SeqCst);
    ensure!(admitted(&records) >= answered, "{} of {answered} answered calls are recorded", admitted(&records));
    Ok(())
}

#[test]
fn two_processes_keep_one_chain_on_postgres() -> Result<()> {
    two_processes_keep_one_chain(&postgres::new_database()?)
}

#[test]
fn two_processes_keep_one_chain_on_sqlite() -> Result<()> {
    two_processes_keep_one_chain("sqlite:keyward.db")
}

/// The files that wait for the next start.
fn spilled(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("audit-spill-") {
            found.push(entry.path());
        }
    }
    Ok(found)
}

#[test]
fn what_waits_when_keyward_stops_is_taken_in_at_the_next_start() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let storage = postgres::new_database()?;
    let mut keyward = Keyward::started(&configuration(&storage, "fail_open"))?;
    let bearer = keyward.issue_bearer("nowhere", &["nowhere:read"])?;
    postgres::execute(&storage, "ALTER TABLE audit_head RENAME TO audit_head_away")?;
    for _ in 0..5 {
        let answer = call("/nowhere/mcp", "waiting").bearer(&bearer).send(keyward.address())?;
        ensure!(answer.status == 502, "with fail_open calls go on: {}", answer.status);
    }
    keyward.stop()?.succeeded()?;
    let files = spilled(keyward.home())?;
    ensure!(files.len() == 1, "one file beside the configuration: {files:?}");
    ensure!(std::fs::metadata(&files[0])?.permissions().mode() & 0o777 == 0o600, "its owner's alone");

    postgres::execute(&storage, "ALTER TABLE audit_head_away RENAME TO audit_head")?;
    keyward.start()?;
    wait::until("the file to be taken in", || Ok(spilled(keyward.home())?.is_empty().then_some(())))?;
    keyward.stop()?.succeeded()?;
    let late = records(&keyward)?;
    let late: Vec<&str> = late
        .iter()
        .filter_map(|record| record["detail"].as_str())
        .filter(|detail| detail.contains("\"late\":true"))
        .collect();
    ensure!(late.iter().filter(|detail| detail.contains("\"status\":502")).count() == 5, "{late:?}");
    keyward.run_ok(&["audit", "verify"], "")?;
    Ok(())
}

#[test]
fn nothing_is_done_unrecorded_where_records_are_required() -> Result<()> {
    let storage = postgres::new_database()?;
    let keyward = Keyward::started(&configuration(&storage, "fail_closed"))?;
    let bearer = keyward.issue_bearer("nowhere", &["nowhere:read"])?;
    postgres::execute(
        &storage,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse()",
    )?;
    let answer = call("/nowhere/mcp", "tool").bearer(&bearer).send(keyward.address())?;
    ensure!(answer.status == 503, "{}: {}", answer.status, answer.text());
    let invited = keyward.run(&["user", "invite", "--email", "ada@example.com"], "")?;
    ensure!(invited.code() == Some(1), "{}", invited.output());
    postgres::execute(&storage, "DROP TRIGGER refuse ON audit_log")?;
    wait::until("calls to go on", || {
        let answer = call("/nowhere/mcp", "tool").bearer(&bearer).send(keyward.address())?;
        Ok((answer.status == 502).then_some(()))
    })?;
    keyward.run_ok(&["user", "invite", "--email", "ada@example.com"], "")?;
    keyward.run_ok(&["audit", "verify"], "")?;
    Ok(())
}

#[test]
fn a_reader_that_goes_away_is_no_error() -> Result<()> {
    let keyward = Keyward::started(&configuration("sqlite:keyward.db", "fail_open"))?;
    let bearer = keyward.issue_bearer("nowhere", &["nowhere:read"])?;
    load(&keyward, &bearer, 200, &AtomicU64::new(0));
    let mut export = keyward.command(&["audit", "export"])?;
    let mut running = export.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn()?;
    drop(running.stdout.take());
    let ended = running.wait_with_output()?;
    ensure!(ended.stderr.is_empty() && ended.status.success(), "{ended:?}");
    Ok(())
}
