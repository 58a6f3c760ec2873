//! `[[servers]]`: the MCP servers behind Keyward.

use std::collections::BTreeMap;

use keyward_core::id::ServerId;
use keyward_core::scope::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::credential::Credential;
use super::text::{Path, Text, TextValue, ToolPattern, UpstreamUrl};

/// An MCP server behind Keyward.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct McpServer {
    /// Its id, in the audit log and on the command line.
    pub(crate) id: Text<ServerId>,
    /// Its name for people. When absent: the id.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Its path on Keyward; `public_url` and this are what people paste into their clients.
    pub(crate) path: Text<Path>,
    /// Its own Streamable HTTP endpoint.
    pub(crate) upstream: Text<UpstreamUrl>,
    /// Scopes that every call needs.
    #[serde(default)]
    pub(crate) scopes: Vec<Text<Scope>>,
    /// Scopes that a client gets which asks for none. When absent: `scopes`.
    #[serde(default)]
    pub(crate) default_scopes: Option<Vec<Text<Scope>>>,
    /// Further scopes that calls of certain tools need, by name; `*` stands for any text.
    #[serde(default)]
    #[schemars(extend("x-keyward-keys" = ToolPattern::FORMAT))]
    pub(crate) tool_scopes: BTreeMap<String, Vec<Text<Scope>>>,
    /// The issuers whose tokens are taken here: their identifiers, and `embedded` for Keyward's own. When absent: all.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(crate) issuers: Option<Vec<String>>,
    /// What tokens of issuers elsewhere say in `aud` when they are for this server alone, besides its URL. With it, what an
    /// issuer says for several servers is not taken here.
    #[serde(default)]
    pub(crate) audiences: Vec<String>,
    /// The service token that its calls carry. When absent, calls carry none; the client's token never goes further.
    #[serde(default)]
    pub(crate) credential: Option<Credential>,
}
