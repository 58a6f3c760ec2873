//! `keyward token`: what is in the cabinet.

mod r#move;

use std::path::Path;

use anyhow::bail;
use clap::Subcommand;
use keyward_core::clock::Timestamp;
use keyward_vault::{Expected, NewToken, TokenEntry, TokenName};
use serde::Serialize;

use crate::config::{Period, TextValue};
use crate::input::{SecretInput, confirm};
use crate::output::{self, Format, Row};
use crate::wiring::cabinet::{self, Cabinet};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put a token into the cabinet, or a new version of one
    ///
    /// The value is asked for, or read from standard input or a file; never an argument, which every process on this
    /// machine could read. A running `keyward serve` takes it up within a second.
    Set {
        /// Its name, such as coda/api_token
        #[arg(value_name = "SERVICE/KEY")]
        name: TokenName,
        #[command(flatten)]
        value: SecretInput,
        /// When the service ends it, counted from now: 90d, 12h
        #[arg(long, value_name = "DURATION", value_parser = Period::parse)]
        expires: Option<Period>,
    },
    /// List the tokens; never their values
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show what is known of a token, with a fingerprint to recognise its value by
    Show {
        /// Its name
        #[arg(value_name = "SERVICE/KEY")]
        name: TokenName,
        /// Print the value itself, and nothing else; the audit log will tell
        #[arg(long, conflicts_with = "json")]
        reveal: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Move tokens from one store to another, whichever of them is in use
    ///
    /// Each token is copied, read back and compared; what is there already is left as it is, so that it can be run again
    /// until all is done. Owners, expiry and labels come along. Ends with 1 when a token could not be moved.
    Move(r#move::Args),
    /// Delete a token with all its versions
    Delete {
        /// Its name
        #[arg(value_name = "SERVICE/KEY")]
        name: TokenName,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(file: Option<&Path>, command: Command) -> anyhow::Result<()> {
    cabinet::with_cabinet(file, async |loaded, cabinet| match command {
        Command::Move(args) => r#move::run(loaded, cabinet, args).await,
        Command::Set { name, value, expires } => set(cabinet, &name, &value, expires).await,
        Command::List { format } => list(cabinet, format).await,
        Command::Show { name, reveal, format } => show(cabinet, &name, reveal, format).await,
        Command::Delete { name, yes } => delete(cabinet, &name, yes).await,
    })
}

async fn set(cabinet: &Cabinet, name: &TokenName, value: &SecretInput, expires: Option<Period>) -> anyhow::Result<()> {
    let mut token = NewToken::new(value.read(&format!("Value of {name}"))?)?;
    if let Some(period) = expires {
        token = token.expires_at(cabinet.clock.now().plus(period.0));
    }
    let version = cabinet.vault.put(name, &token, Expected::Anything).await?;
    Ok(output::line(&format!("{name} is stored (version {version})"))?)
}

async fn list(cabinet: &Cabinet, format: Format) -> anyhow::Result<()> {
    let rows: Vec<ListedToken> = cabinet.vault.list().await?.iter().map(ListedToken::from).collect();
    Ok(format.list(&rows, "The cabinet is empty. Put a token in: keyward token set SERVICE/KEY")?)
}

async fn show(cabinet: &Cabinet, name: &TokenName, reveal: bool, format: Format) -> anyhow::Result<()> {
    if reveal {
        let Some(token) = cabinet.vault.reveal(name).await? else { bail!("there is no token {name}") };
        let Some(value) = token.value.expose_text() else { bail!("{name} is no text, and is not printed") };
        return Ok(output::line(value)?);
    }
    let Some(token) = cabinet.vault.get(name).await? else { bail!("there is no token {name}") };
    let entry = cabinet.vault.list().await?.into_iter().find(|entry| entry.name == *name);
    let Some(entry) = entry else { bail!("there is no token {name}") };
    let shown = ShownToken { listed: ListedToken::from(&entry), fingerprint: cabinet.vault.fingerprint(&token.value) };
    if format.json {
        return Ok(output::json(&shown)?);
    }
    let mut lines = vec![format!("{:12} {name}", "name")];
    lines.push(format!("{:12} {}", "fingerprint", shown.fingerprint));
    for (head, cell) in ListedToken::HEADS.iter().zip(shown.listed.cells()).skip(1) {
        lines.push(format!("{:12} {cell}", head.to_lowercase()));
    }
    Ok(output::line(&lines.join("\n"))?)
}

async fn delete(cabinet: &Cabinet, name: &TokenName, yes: bool) -> anyhow::Result<()> {
    if !yes && !confirm(&format!("Delete {name} with all its versions?"))? {
        bail!("{name} is left alone; say --yes where nobody can be asked");
    }
    if !cabinet.vault.delete(name).await? {
        bail!("there is no token {name}");
    }
    Ok(output::line(&format!("{name} is deleted"))?)
}

#[derive(Serialize)]
struct ListedToken {
    name: String,
    version: i64,
    store: &'static str,
    key_id: Option<String>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct ShownToken {
    #[serde(flatten)]
    listed: ListedToken,
    fingerprint: String,
}

impl From<&TokenEntry> for ListedToken {
    fn from(entry: &TokenEntry) -> Self {
        Self {
            name: entry.name.to_string(),
            version: entry.version,
            store: entry.store,
            key_id: entry.key_id.clone(),
            created_at: entry.created_at,
            updated_at: entry.updated_at,
            expires_at: entry.expires_at,
        }
    }
}

impl Row for ListedToken {
    const HEADS: &'static [&'static str] = &["NAME", "VERSION", "STORE", "KEY", "UPDATED", "EXPIRES"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.version.to_string(),
            self.store.to_owned(),
            self.key_id.clone().unwrap_or_default(),
            output::time(self.updated_at),
            output::time(self.expires_at),
        ]
    }
}
