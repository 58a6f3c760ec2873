//! Authorization servers of others, to which clients can go directly.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::process::Running;
use crate::workspace;

/// An authorization server; stopped when dropped.
pub struct Provider {
    process: Running,
    /// Its identifier, as its metadata has it.
    pub issuer: String,
}

impl Provider {
    /// `oidc-provider` with registration and resource indicators; see `mcp-provider.mjs` for the options.
    pub fn oidc(options: &Value) -> Result<Self> {
        Self::in_node("mcp-provider.mjs", options)
    }

    /// An application on `better-auth`; see `better-auth.mjs` for the options.
    pub fn better_auth(options: &Value) -> Result<Self> {
        Self::in_node("better-auth.mjs", options)
    }

    /// The same, at which people of a program log in, too; gives the id and the secret of that program.
    pub fn better_auth_for_logins(options: &Value) -> Result<(Self, String, String)> {
        let mut command = Command::new(workspace::node()?);
        command.arg(workspace::node_program("better-auth.mjs"));
        let (provider, listening) = Self::start(command, options)?;
        let of_client = |name: &str| listening["login_client"][name].as_str().map(str::to_owned);
        let (id, secret) = of_client("client_id").zip(of_client("client_secret")).context("no client")?;
        Ok((provider, id, secret))
    }

    /// Canaille; see `canaille_server.py` for the options.
    pub fn canaille(options: &Value) -> Result<Self> {
        let mut command = Command::new(workspace::python()?);
        command.arg(workspace::e2e().join("python/canaille_server.py"));
        Self::start(command, options).map(|(provider, _)| provider)
    }

    fn in_node(program: &str, options: &Value) -> Result<Self> {
        let mut command = Command::new(workspace::node()?);
        command.arg(workspace::node_program(program));
        Self::start(command, options).map(|(provider, _)| provider)
    }

    /// Any other program that tells its `issuer` when it listens; gives all that it tells, too.
    pub(crate) fn start(mut command: Command, options: &Value) -> Result<(Self, Value)> {
        let mut process = Running::start(command.arg("-"), options.to_string().as_bytes())?;
        let listening = process.wait_for_event("listening")?;
        let issuer = listening["issuer"].as_str().context("no issuer")?.to_owned();
        Ok((Self { process, issuer }, listening))
    }

    /// Where it listens.
    pub fn address(&self) -> Result<SocketAddr> {
        let rest = self.issuer.strip_prefix("http://").context("an address")?;
        Ok(rest.split('/').next().context("an address")?.parse()?)
    }

    /// Ends it as a crash does.
    pub fn kill(self) -> Result<()> {
        self.process.stop("KILL").map(|_| ())
    }
}

/// The person of the rig, as a provider with accounts of its own is told.
pub fn people(people: &[&crate::person::Person]) -> Value {
    people.iter().map(|person| json!({ "email": person.email, "password": person.password })).collect()
}
