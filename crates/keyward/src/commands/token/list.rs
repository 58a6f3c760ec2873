//! `keyward token list` and `keyward token show`: what is known of tokens.

use std::collections::BTreeMap;

use anyhow::bail;
use keyward_core::clock::Timestamp;
use keyward_vault::{Label, TokenEntry, VersionEntry};
use serde::Serialize;

use super::target::{Owners, Target};
use crate::config::{CredentialKind, Loaded};
use crate::output::{self, Format, Row};
use crate::wiring::cabinet::Cabinet;
use crate::wiring::upkeep;

#[derive(clap::Args, Debug)]
pub(crate) struct ListArgs {
    /// Only those with this label; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<Label>,
    /// Only those of this account
    #[arg(long, value_name = "EMAIL")]
    owner: Option<String>,
    #[command(flatten)]
    format: Format,
}

#[derive(clap::Args, Debug)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    target: Target,
    /// Print the value itself, and nothing else; the audit log will tell
    #[arg(long, conflicts_with = "json")]
    reveal: bool,
    #[command(flatten)]
    format: Format,
}

pub(crate) async fn list(loaded: &Loaded, cabinet: &Cabinet, args: &ListArgs) -> anyhow::Result<()> {
    let entries = cabinet.vault.list().await?;
    let is_empty = entries.is_empty();
    let owners = Owners::of(cabinet, entries.iter().map(|entry| &entry.name)).await?;
    let (kinds, now) = (upkeep::kinds(loaded), cabinet.clock.now());
    let of_owner = |entry: &&TokenEntry| {
        let owner = args.owner.as_ref().map(|email| email.to_ascii_lowercase());
        owner.is_none_or(|email| owners.text(&entry.name).is_some_and(|text| text.split(' ').next() == Some(&email)))
    };
    let labelled = |entry: &&TokenEntry| args.labels.iter().all(|label| label.is_in(&entry.labels));
    let rows: Vec<Listed> = entries
        .iter()
        .filter(of_owner)
        .filter(labelled)
        .map(|entry| Listed::new(entry, &owners, &kinds, now))
        .collect();
    let nothing = if is_empty {
        "The cabinet is empty. Put a token in: keyward token set SERVICE/KEY"
    } else {
        "No token is like that."
    };
    Ok(args.format.list(&rows, nothing)?)
}

pub(crate) async fn show(loaded: &Loaded, cabinet: &Cabinet, args: &ShowArgs) -> anyhow::Result<()> {
    let named = args.target.find(cabinet).await?;
    let (name, text) = (&named.name, &named.text);
    if args.reveal {
        let Some(token) = cabinet.vault.reveal(name).await? else { bail!("there is no token {text}") };
        let Some(value) = token.value.expose_text() else { bail!("{text} is no text, and is not printed") };
        return Ok(output::line(value)?);
    }
    let Some(token) = cabinet.vault.get(name).await? else { bail!("there is no token {text}") };
    let Some(entry) = cabinet.vault.entry(name).await? else { bail!("there is no token {text}") };
    let owners = Owners::of(cabinet, [name].into_iter()).await?;
    let now = cabinet.clock.now();
    let versions = cabinet.vault.versions(name).await?;
    let earlier = versions.iter().filter(|version| !version.current).filter_map(|version| Earlier::new(version, now));
    let shown = Shown {
        listed: Listed::new(&entry, &owners, &upkeep::kinds(loaded), now),
        fingerprint: cabinet.vault.fingerprint(&token.value),
        earlier_versions: earlier.collect(),
    };
    if args.format.json {
        return Ok(output::json(&shown)?);
    }
    Ok(output::line(&shown.lines().join("\n"))?)
}

#[derive(Serialize)]
struct Listed {
    name: String,
    owner: Option<String>,
    version: i64,
    kind: Option<CredentialKind>,
    labels: BTreeMap<String, String>,
    store: &'static str,
    key_id: Option<String>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    #[serde(skip)]
    expires_in: String,
}

/// A version before the current one that is still usable.
#[derive(Serialize)]
struct Earlier {
    version: i64,
    created_at: Option<Timestamp>,
    usable_until: Timestamp,
    #[serde(skip)]
    left: String,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    listed: Listed,
    fingerprint: String,
    earlier_versions: Vec<Earlier>,
}

impl Listed {
    fn new(
        entry: &TokenEntry,
        owners: &Owners,
        kinds: &BTreeMap<(String, String), CredentialKind>,
        now: Timestamp,
    ) -> Self {
        Self {
            name: entry.name.to_string(),
            owner: owners.text(&entry.name),
            version: entry.version,
            kind: kinds.get(&(entry.name.service().to_owned(), entry.name.key().to_owned())).copied(),
            labels: entry.labels.clone(),
            store: entry.store,
            key_id: entry.key_id.clone(),
            created_at: entry.created_at,
            updated_at: entry.updated_at,
            expires_at: entry.expires_at,
            expires_in: entry.expires_at.map_or_else(|| "-".to_owned(), |end| output::when(end, now)),
        }
    }

    fn labels(&self) -> String {
        let labels: Vec<_> = self.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        if labels.is_empty() { "-".to_owned() } else { labels.join(" ") }
    }
}

impl Earlier {
    fn new(entry: &VersionEntry, now: Timestamp) -> Option<Self> {
        let usable_until = entry.usable_until?;
        let left = output::when(usable_until, now);
        Some(Self { version: entry.version, created_at: entry.created_at, usable_until, left })
    }
}

impl Shown {
    fn lines(&self) -> Vec<String> {
        let listed = &self.listed;
        let mut lines = vec![
            ("name", listed.name.clone()),
            ("owner", listed.owner.clone().unwrap_or_else(|| "shared".to_owned())),
            ("fingerprint", self.fingerprint.clone()),
            ("version", listed.version.to_string()),
        ];
        lines.extend(
            self.earlier_versions.iter().map(|it| ("earlier", format!("version {}, ends {}", it.version, it.left))),
        );
        lines.extend([
            ("labels", listed.labels()),
            ("store", listed.store.to_owned()),
            ("key", listed.key_id.clone().unwrap_or_else(|| "-".to_owned())),
            ("created", output::time(listed.created_at)),
            ("updated", output::time(listed.updated_at)),
        ]);
        let expires = match listed.expires_at {
            Some(_) => format!("{} ({})", output::time(listed.expires_at), listed.expires_in),
            None => "-".to_owned(),
        };
        lines.push(("expires", expires));
        lines.into_iter().map(|(head, cell)| format!("{head:12} {}", output::harmless(&cell))).collect()
    }
}

impl Row for Listed {
    const HEADS: &'static [&'static str] = &["NAME", "OWNER", "VERSION", "LABELS", "STORE", "UPDATED", "EXPIRES"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.owner.clone().unwrap_or_else(|| "-".to_owned()),
            self.version.to_string(),
            self.labels(),
            self.store.to_owned(),
            output::time(self.updated_at),
            self.expires_in.clone(),
        ]
    }
}
