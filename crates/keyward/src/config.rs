//! The configuration: `keyward.toml`, environment variables over it, and every mistake of both at once.

mod audit;
mod broker;
mod check;
mod claims;
mod connections;
mod credential;
mod environment;
#[cfg(test)]
mod example_tests;
mod hook;
mod issuer;
mod issuers;
mod keys;
mod log;
mod metrics;
mod mistake;
mod openbao;
mod provider;
mod resources;
mod rules;
mod schema;
mod scopes;
mod server;
mod servers;
mod storage;
mod suggest;
#[cfg(test)]
mod tests;
mod text;
mod token_store;
mod tokens;
mod tree;
mod trusted_issuers;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use audit::{Audit, AuditMode};
pub(crate) use broker::SignUp;
pub(crate) use connections::{AuthMethod, Connection, Preset};
pub(crate) use credential::{CredentialKind, CredentialOwner, CredentialRule};
pub(crate) use hook::{Hook, HookKind};
pub(crate) use issuer::{Issuer, IssuerKind, Registration};
pub(crate) use issuers::{ElsewhereIssuer, NamedIssuer};
pub(crate) use keys::{Keys, KeysKind};
pub(crate) use log::{Log, LogFormat};
pub(crate) use metrics::Metrics;
pub(crate) use mistake::{Mistake, Mistakes};
pub(crate) use openbao::{OpenBaoAuthKind, OpenBaoServer};
pub(crate) use provider::{AccountRule, Algorithm, IssuerPreset};
pub(crate) use resources::ResourceElsewhere;
pub(crate) use schema::schema;
pub(crate) use scopes::ScopeMeaning;
pub(crate) use server::Server;
pub(crate) use servers::McpServer;
pub(crate) use storage::Storage;
pub(crate) use text::{
    AddressRange, IssuerUrl, LogFilter, Period, SecretPlace, StorageUrl, Text, TextValue, UpstreamUrl,
};
pub(crate) use token_store::{TokenStore, TokenStoreKind};
pub(crate) use tokens::{Reminders, TokenSection};
pub(crate) use trusted_issuers::TrustedIssuer;

use tree::{Node, Source};

/// The configuration of Keyward, the front door and key cabinet for MCP servers.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "keyward.toml")]
pub(crate) struct Config {
    /// Where Keyward listens, under which name the world knows it, and how much it takes.
    pub(crate) server: Server,
    /// The database that keeps accounts, grants, sealed tokens and the audit log.
    pub(crate) storage: Storage,
    /// Where the service tokens are kept that Keyward puts into calls.
    pub(crate) token_store: TokenStore,
    /// The root key that opens the cabinet. Without it the sealed tokens are lost: keep a copy elsewhere.
    pub(crate) keys: Keys,
    /// The root key that is to be next: `keyward key rotate --root` wraps the data keys with it. From then on it opens the
    /// cabinet in the place of the one in `[keys]`.
    pub(crate) next_keys: Option<Keys>,
    /// The authorization server: who logs people in and issues tokens, and how long these last.
    pub(crate) issuer: Issuer,
    /// Authorization servers whose access tokens are taken besides those of `[issuer]`.
    pub(crate) trusted_issuers: Vec<TrustedIssuer>,
    /// What scopes mean, and which others they include.
    #[schemars(extend("x-keyward-keys" = <keyward_core::scope::Scope as TextValue>::FORMAT))]
    pub(crate) scopes: BTreeMap<String, ScopeMeaning>,
    /// The MCP servers behind Keyward.
    pub(crate) servers: Vec<McpServer>,
    /// What tokens are issued for besides, though it is not behind this Keyward.
    pub(crate) resources: Vec<ResourceElsewhere>,
    /// How single tokens are checked and rotated, by name.
    #[schemars(extend("x-keyward-keys" = <keyward_vault::TokenName as TextValue>::FORMAT))]
    pub(crate) tokens: BTreeMap<String, TokenSection>,
    /// When people are reminded that a token ends.
    pub(crate) reminders: Reminders,
    /// Where people connect accounts of their own, for servers that are called in their names.
    pub(crate) connections: Vec<Connection>,
    /// The audit log.
    pub(crate) audit: Audit,
    /// What Keyward writes to standard error. Nothing secret is ever in it.
    pub(crate) log: Log,
    /// What Keyward counts, for Prometheus and others that read OpenMetrics.
    pub(crate) metrics: Metrics,
}

/// A configuration and where it came from.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What it says.
    pub(crate) config: Config,
    /// The file, when there is one.
    pub(crate) file: Option<PathBuf>,
}

impl Loaded {
    /// A path of the configuration: relative ones begin at the directory of the file.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        match self.file.as_deref().and_then(Path::parent) {
            Some(directory) => directory.join(path),
            None => PathBuf::from(path),
        }
    }
}

/// The name of the configuration file that is read when none is given.
pub(crate) const DEFAULT_FILE: &str = "keyward.toml";

/// Reads the file that was given, or `keyward.toml` where there is one, or nothing; then the environment.
pub(crate) fn load(given: Option<&Path>) -> anyhow::Result<Loaded> {
    let file = match given {
        Some(path) => Some(path.to_owned()),
        None => Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()),
    };
    let text = match &file {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| anyhow::anyhow!("cannot read the configuration {}: {error}", path.display()))?,
        None => String::new(),
    };
    let name = file.as_ref().map_or_else(|| DEFAULT_FILE.to_owned(), |path| path.display().to_string());
    let config = parse(&name, &text, std::env::vars())?;
    Ok(Loaded { config, file })
}

/// Reads a configuration from its text and the environment; reports every mistake.
pub(crate) fn parse(
    file: &str,
    text: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Mistakes> {
    let schema = schema();
    let (table, errors) = toml::de::DeTable::parse_recoverable(text);
    let mut mistakes: Vec<Mistake> = errors
        .into_iter()
        .map(|error| Mistake::new(Source::File(error.span().unwrap_or(0..0)), error.message().to_owned()))
        .collect();
    let mut root = Node::from_toml(table);
    mistakes.extend(environment::apply(&schema, &mut root, environment));
    let (right, wrong) = check::check(&schema, &root);
    let torn = torn_sections(&root, &wrong, mistakes.is_empty());
    mistakes.extend(wrong);
    match serde_json::from_value::<Config>(right) {
        Ok(config) => {
            mistakes.extend(rules::check(&config, &root, &torn));
            if mistakes.is_empty() {
                return Ok(config);
            }
        }
        Err(error) => mistakes.push(Mistake::new(Node::empty().source, error.to_string())),
    }
    Err(Mistakes::new(file.to_owned(), text.to_owned(), mistakes))
}

/// The sections of which something was left out. After a mistake of the file's grammar that may be any.
fn torn_sections(root: &Node, wrong: &[Mistake], grammar_is_right: bool) -> BTreeSet<String> {
    let tree::Value::Table(entries) = &root.value else { return BTreeSet::new() };
    let within = |node: &Node, source: &Source| contains(node, source);
    entries
        .iter()
        .filter(|entry| !grammar_is_right || wrong.iter().any(|mistake| within(&entry.node, &mistake.source)))
        .map(|entry| entry.key.clone())
        .collect()
}

fn contains(node: &Node, source: &Source) -> bool {
    let inner = match &node.value {
        tree::Value::Table(entries) => {
            entries.iter().any(|entry| entry.key_source == *source || contains(&entry.node, source))
        }
        tree::Value::Array(items) => items.iter().any(|item| contains(item, source)),
        _ => false,
    };
    inner || node.source == *source
}
