//! From the first phase to the last, under traffic and with no failed call: tokens in the environment, then in SQLite, then in
//! PostgreSQL, then in Infisical (for which a server stands in, see `infisical.rs`), then in a real OpenBao. At each step a
//! process with the next configuration takes over from the one before, on the same port; `docs/moving.md` has the same
//! commands.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use infisical_stand_in::{CLIENT_SECRET, Server as Infisical};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::keyward::Keyward;
use keyward_e2e::openbao::OpenBao;
use keyward_e2e::postgres;
use keyward_e2e::upstream::scripted::Scripted;
use serde_json::{Value, json};

use crate::infisical;
use crate::openbao::POLICY;
use crate::scene::SERVICE_TOKEN;
use crate::traffic::Traffic;

const NAME: &str = "notes/api_token";

#[test]
fn every_phase_is_left_for_the_next_with_no_failed_call() -> Result<()> {
    // Says which credential reached it.
    let upstream = Scripted::start(|request, connection| {
        let carried = request.header("Authorization").unwrap_or("nothing").to_owned();
        connection.result(request, &json!({ "carried": carried }))
    })?;
    let site = Infisical::start()?;
    let openbao = OpenBao::start()?;
    let (role_id, secret_id) = openbao.app_role(POLICY)?;
    let database = postgres::new_database()?;
    let server = Server::new("notes", &upstream.url()).credential(NAME);
    let configuration = |storage: &str, kind: &str| {
        let section = infisical::section(&site, true, kind);
        let bao = format!(
            "[token_store.openbao]\naddress = \"{}\"\nauth = \"approle\"\nrole_id = \"env:BAO_ROLE_ID\"\n\
             secret_id = \"file:secret-id\"\n",
            openbao.url()
        );
        Configuration::on(storage).section(&section).section(&bao).behind(&server).text()
    };
    let sqlite = "sqlite:keyward.db";
    let mut keyward = Keyward::in_empty_folder()?;
    keyward.set_environment("INFISICAL_CLIENT_SECRET", CLIENT_SECRET);
    keyward.set_environment("BAO_ROLE_ID", &role_id);
    fs::write(keyward.path("secret-id"), format!("{secret_id}\n"))?;
    keyward.set_environment("KEYWARD_TOKEN__NOTES__API_TOKEN", SERVICE_TOKEN);
    keyward.configure(&configuration(sqlite, "\"env\""))?;
    keyward.start()?;
    let bearer = keyward.issue_bearer("notes", &["notes:read"])?;

    let traffic = Traffic::new(keyward.address(), &bearer);
    std::thread::scope(|scope| -> Result<()> {
        let callers = [
            scope.spawn(|| traffic.on_new_connections()),
            scope.spawn(|| traffic.on_new_connections()),
            scope.spawn(|| traffic.on_a_kept_connection(Duration::ZERO)),
            scope.spawn(|| traffic.on_a_kept_connection(Duration::from_millis(600))),
        ];
        let went = steps(&mut keyward, &traffic, &configuration, &database, &site);
        traffic.stop.store(true, Ordering::Relaxed);
        for caller in callers {
            caller.join().expect("a caller does not panic")?;
        }
        went
    })?;
    ensure!(in_infisical(&site).is_none(), "the source was to be deleted");
    let stored = openbao.ask("GET", "secret/data/keyward/notes/api_token", &Value::Null)?;
    ensure!(stored["data"]["data"]["value"] == SERVICE_TOKEN, "it is not in OpenBao");
    keyward.run_ok(&["audit", "verify"], "")?;
    let acts = keyward.list(&["audit", "list", "--action", "token.move", "--limit", "100"])?;
    let from: Vec<_> = acts.as_array().context("a list")?.iter().map(|record| record["detail"].to_string()).collect();
    ensure!(from.len() == 5 && from.iter().any(|detail| detail.contains("env")), "{from:?}");
    Ok(())
}

fn steps(
    keyward: &mut Keyward,
    traffic: &Traffic<'_>,
    configuration: &dyn Fn(&str, &str) -> String,
    database: &str,
    site: &Infisical,
) -> Result<()> {
    let sqlite = "sqlite:keyward.db";
    let go_on_with = |keyward: &mut Keyward, storage: &str, kind: &str| -> Result<()> {
        keyward.configure(&configuration(storage, kind))?;
        let before = traffic.made.load(Ordering::Relaxed);
        keyward.take_over()?.succeeded()?;
        // Calls were made through the process that took over, before the next step.
        keyward_e2e::wait::until("calls after the step", || {
            Ok((traffic.made.load(Ordering::Relaxed) > before + 20).then_some(()))
        })
    };
    // From the environment into SQLite.
    keyward.run_ok(&["token", "move", "--from", "env", "--to", "sqlite"], "")?;
    go_on_with(keyward, sqlite, r#"["sqlite", "env"]"#)?;
    keyward.remove_environment("KEYWARD_TOKEN__NOTES__API_TOKEN");
    go_on_with(keyward, sqlite, "\"sqlite\"")?;
    // The whole database into PostgreSQL.
    keyward.run_ok(&["backup", "--freeze", "--to", "move.backup"], "")?;
    keyward.configure(&configuration(database, "\"postgres\""))?;
    keyward.run_ok(&["restore", "move.backup"], "")?;
    go_on_with(keyward, database, "\"postgres\"")?;
    // And the tokens into Infisical.
    keyward.run_ok(&["token", "move", "--from", "postgres", "--to", "infisical"], "")?;
    go_on_with(keyward, database, r#"["infisical", "postgres"]"#)?;
    keyward.run_ok(&["token", "move", "--from", "postgres", "--to", "infisical", "--delete-source"], "")?;
    go_on_with(keyward, database, "\"infisical\"")?;
    ensure!(in_infisical(site).is_some_and(|value| !value.contains(SERVICE_TOKEN)), "it is there, and sealed");
    // And on into OpenBao.
    keyward.run_ok(&["token", "move", "--from", "infisical", "--to", "openbao"], "")?;
    go_on_with(keyward, database, r#"["openbao", "infisical"]"#)?;
    keyward.run_ok(&["token", "move", "--from", "infisical", "--to", "openbao", "--delete-source"], "")?;
    go_on_with(keyward, database, "\"openbao\"")
}

fn in_infisical(site: &Infisical) -> Option<String> {
    site.secrets(|secrets| secrets.value("/keyward/notes", "api_token"))
}
