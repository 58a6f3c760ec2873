//! The built binary, in a folder of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::configuration::Configuration;
use crate::http::{Request, Response};
use crate::process::{self, Ended, Running};
use crate::wait;
use crate::workspace;

/// Keyward with its folder; stopped when dropped.
pub struct Keyward {
    home: TempDir,
    environment: Vec<(String, String)>,
    process: Option<Running>,
    address: Option<SocketAddr>,
    public_url: String,
    /// What all of its processes wrote that have ended.
    written: Mutex<String>,
}

impl Keyward {
    /// A folder with this configuration; nothing runs yet.
    pub fn configured(configuration: &Configuration) -> Result<Self> {
        let keyward = Self::in_empty_folder()?;
        keyward.configure(&configuration.text())?;
        Ok(keyward)
    }

    /// An empty folder, without even a configuration.
    pub fn in_empty_folder() -> Result<Self> {
        let home = tempfile::Builder::new().prefix("keyward-e2e-").tempdir()?;
        let written = Mutex::default();
        Ok(Self { home, environment: Vec::new(), process: None, address: None, public_url: String::new(), written })
    }

    /// A server with this configuration that takes connections.
    pub fn started(configuration: &Configuration) -> Result<Self> {
        let mut keyward = Self::configured(configuration)?;
        keyward.start()?;
        Ok(keyward)
    }

    /// Writes `keyward.toml`.
    pub fn configure(&self, text: &str) -> Result<()> {
        fs::write(self.path("keyward.toml"), text).context("cannot write keyward.toml")
    }

    /// An environment variable for all commands from now on.
    pub fn set_environment(&mut self, name: &str, value: &str) {
        self.environment.retain(|(own, _)| own != name);
        self.environment.push((name.into(), value.into()));
    }

    /// Takes an environment variable away again.
    pub fn remove_environment(&mut self, name: &str) {
        self.environment.retain(|(own, _)| own != name);
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Its folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A command of the binary, as it would be typed in its folder.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(workspace::built("keyward")?);
        command.args(arguments).current_dir(self.home.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Runs a command to its end, however that is.
    pub fn run(&self, arguments: &[&str], input: &str) -> Result<Ended> {
        let ended = process::run(&mut self.command(arguments)?, input.as_bytes())?;
        self.keep(&ended);
        Ok(ended)
    }

    /// Runs a command that must succeed; gives its standard output.
    pub fn run_ok(&self, arguments: &[&str], input: &str) -> Result<String> {
        let ended =
            self.run(arguments, input)?.succeeded().with_context(|| format!("keyward {}", arguments.join(" ")))?;
        Ok(ended.stdout)
    }

    /// Runs a listing with `--json`.
    pub fn list(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.run_ok(&[arguments, &["--json"]].concat(), "")?;
        serde_json::from_str(&output).with_context(|| format!("not JSON: {output}"))
    }

    /// The records of an act in the audit log, the newest first, once there are so many: they are written soon after it.
    pub fn records(&self, action: &str, at_least: usize) -> Result<Vec<Value>> {
        wait::until(&format!("{at_least} record(s) of {action}"), || {
            let listed = self.list(&["audit", "list", "--action", action])?;
            let records = listed.as_array().cloned().unwrap_or_default();
            Ok((records.len() >= at_least).then_some(records))
        })
    }

    /// Starts the server and waits until it is ready. It keeps its address over restarts.
    pub fn start(&mut self) -> Result<()> {
        self.start_with(&["serve", "--ready-file", "ready.json"])
    }

    fn start_with(&mut self, arguments: &[&str]) -> Result<()> {
        let ready = self.path("ready.json");
        if ready.exists() {
            fs::remove_file(&ready)?;
        }
        let mut process = Running::start(&mut self.command(arguments)?, b"")?;
        let ready = process.wait_for("Keyward to be ready", |_| {
            serde_json::from_str::<Value>(&fs::read_to_string(&ready).ok()?).ok()
        })?;
        self.process = Some(process);
        let text = |field: &str| ready[field].as_str().with_context(|| format!("no {field} in {ready}"));
        self.public_url = text("public_url")?.to_owned();
        let listen = text("listen")?.to_owned();
        self.address = Some(listen.parse()?);
        self.set_environment("KEYWARD__SERVER__LISTEN", &listen);
        Ok(())
    }

    /// Starts another server beside the one that runs, on the same port and with the configuration as it is now, and stops
    /// that one when this one is ready; gives how it ended.
    pub fn take_over(&mut self) -> Result<Ended> {
        let before = self.process.take().context("it does not run")?;
        self.start_with(&["serve", "--take-over", "--ready-file", "ready.json"])?;
        let ended = before.stop("TERM")?;
        self.keep(&ended);
        Ok(ended)
    }

    /// Starts the server where it cannot start; gives how it ended.
    pub fn start_in_vain(&self) -> Result<Ended> {
        let ended = self.run(&["serve"], "")?;
        if ended.status.success() {
            bail!("it was to fail: {}", ended.output());
        }
        Ok(ended)
    }

    /// Stops the server as an operator does, by SIGTERM.
    pub fn stop(&mut self) -> Result<Ended> {
        self.process()?.signal("TERM")?;
        self.finish()
    }

    /// Waits until the server ends by itself.
    pub fn finish(&mut self) -> Result<Ended> {
        let ended = self.process.take().context("it does not run")?.finish()?;
        self.keep(&ended);
        Ok(ended)
    }

    /// Stops and starts it.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?.succeeded()?;
        self.start()
    }

    /// The running server.
    pub fn process(&mut self) -> Result<&mut Running> {
        self.process.as_mut().context("it does not run")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("it was started")
    }

    /// Its `public_url`, and issuer identifier.
    pub fn url(&self) -> &str {
        &self.public_url
    }

    /// The resource identifier of a server, which is the URL that people paste into a client.
    pub fn resource(&self, server: &str) -> String {
        format!("{}/{server}/mcp", self.public_url)
    }

    /// Sends a request to it.
    pub fn send(&self, request: &Request) -> Result<Response> {
        request.send(self.address())
    }

    /// Puts a token into the cabinet.
    pub fn put_token(&self, name: &str, value: &str) -> Result<()> {
        self.run_ok(&["token", "set", name], &format!("{value}\n")).map(|_| ())
    }

    /// Issues a development bearer token, and waits until the running server has heard of it.
    pub fn issue_bearer(&self, server: &str, scopes: &[&str]) -> Result<String> {
        let scopes = scopes.iter().flat_map(|scope| ["--scope", scope]);
        let arguments = ["bearer", "issue", "--name", "test", "--server", server];
        let output = self.run_ok(&arguments.into_iter().chain(scopes).collect::<Vec<_>>(), "")?;
        let words = output.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_' || letter == '-'));
        let token = words.into_iter().find(|word| word.starts_with("kwd_")).context(output.clone())?;
        wait::until("the running server to know the token", || Ok(self.knows(server, token)?.then_some(())))?;
        Ok(token.to_owned())
    }

    /// Asks with a body that is too long to be taken, so that the server behind never hears of it.
    fn knows(&self, server: &str, token: &str) -> Result<bool> {
        let head =
            Request::new("POST", &format!("/{server}/mcp")).bearer(token).header("Content-Type", "application/json");
        let answer = head.header("Content-Length", "1000000000000").send(self.address())?;
        match answer.status {
            413 => Ok(true),
            401 => Ok(false),
            other => bail!("{other}: {}", answer.text()),
        }
    }

    /// All that any of its processes wrote so far, logs and answers of commands.
    pub fn written(&self) -> String {
        let mut all = self.written.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(process) = &self.process {
            all.push_str(&process.stdout());
            all.push_str(&process.stderr());
        }
        all
    }

    fn keep(&self, ended: &Ended) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push_str(&ended.output());
    }
}

impl Drop for Keyward {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(process) = &self.process
        {
            eprintln!("--- what Keyward wrote last\n{}", last_lines(&process.stderr(), 60));
        }
    }
}

fn last_lines(text: &str, most: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(most)..].join("\n")
}
