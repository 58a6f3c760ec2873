//! From the first phase to the last, under traffic and with no failed call: tokens in the environment, then in SQLite, then in
//! PostgreSQL, then in Infisical (for which a server stands in, see `infisical.rs`), then in a real OpenBao. At each step a
//! process with the next configuration takes over from the one before, on the same port; `docs/moving.md` has the same
//! commands.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use infisical_stand_in::{CLIENT_SECRET, Server as Infisical};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::keyward::Keyward;
use keyward_e2e::openbao::OpenBao;
use keyward_e2e::postgres;
use keyward_e2e::upstream::scripted::Scripted;
use serde_json::{Value, json};

use crate::infisical;
use crate::openbao::POLICY;
use crate::scene::{SERVICE_TOKEN, call};

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

    let traffic =
        Traffic { address: keyward.address(), bearer: &bearer, stop: AtomicBool::new(false), made: AtomicU64::new(0) };
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

/// Clients that call all the time, each of whose calls must be answered, and with the service token in it.
struct Traffic<'a> {
    address: SocketAddr,
    bearer: &'a str,
    stop: AtomicBool,
    made: AtomicU64,
}

impl Traffic<'_> {
    fn on_new_connections(&self) -> Result<()> {
        while !self.stop.load(Ordering::Relaxed) {
            let mut stream = TcpStream::connect(self.address).context("no connection")?;
            self.call(&mut stream, true).context("a call on a new connection")?;
        }
        Ok(())
    }

    /// On one connection, for as long as the server keeps it.
    fn on_a_kept_connection(&self, pause: Duration) -> Result<()> {
        let mut stream = TcpStream::connect(self.address).context("no connection")?;
        while !self.stop.load(Ordering::Relaxed) {
            if !self.call(&mut stream, false).with_context(|| format!("a call on a kept connection, {pause:?}"))? {
                stream = TcpStream::connect(self.address).context("no connection")?;
            }
            std::thread::sleep(pause);
        }
        Ok(())
    }

    /// One call; whether the connection may carry another.
    fn call(&self, stream: &mut TcpStream, close: bool) -> Result<bool> {
        let bytes = call("/notes/mcp", "any_tool").bearer(self.bearer).bytes(self.address);
        let text = String::from_utf8(bytes)?;
        let text = if close { text } else { text.replace("Connection: close\r\n", "") };
        stream.write_all(text.as_bytes())?;
        let (head, body) = answer(stream)?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
        ensure!(body.contains(&format!("Bearer {SERVICE_TOKEN}")), "another token was carried: {body}");
        self.made.fetch_add(1, Ordering::Relaxed);
        Ok(!head.to_ascii_lowercase().contains("connection: close"))
    }
}

/// Head and body of one answer, whose body has a length.
fn answer(stream: &mut TcpStream) -> Result<(String, String)> {
    stream.set_read_timeout(Some(keyward_e2e::wait::LIMIT))?;
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            let whole = match length {
                Some(length) => body.len() >= length,
                None => body.ends_with("0\r\n\r\n"),
            };
            if whole {
                return Ok((head.to_owned(), body.to_owned()));
            }
        }
        match stream.read(&mut part)? {
            0 => bail!("the connection ended after {} bytes: {text}", bytes.len()),
            length => bytes.extend_from_slice(&part[..length]),
        }
    }
}
