//! `[[connections]]`: where people connect accounts of their own.

use std::collections::BTreeMap;

use keyward_core::id::ConnectionId;
use keyward_core::scope::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{IssuerUrl, SecretPlace, Text, UpstreamUrl};

/// An authorization server at which people connect accounts of their own, for servers that are called in their names.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connection {
    /// Its id, in addresses and on the command line. Register the redirect URI `PUBLIC_URL/connect/ID/callback` at the
    /// provider.
    pub(crate) id: Text<ConnectionId>,
    /// Its name for people. When absent: the preset's, or the id.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// A provider whose addresses are known.
    #[serde(default)]
    pub(crate) preset: Option<Preset>,
    /// The provider's issuer identifier, to the letter; its metadata is found by it. Beside `resource`: the only provider
    /// that the resource's metadata may name, which a `client_secret` needs. Beside endpoints: what answers name the
    /// provider by.
    #[serde(default)]
    pub(crate) issuer: Option<Text<IssuerUrl>>,
    /// An MCP server that is protected by OAuth itself; its metadata names the provider. Add `issuer` to
    /// accept that one only.
    #[serde(default)]
    pub(crate) resource: Option<Text<UpstreamUrl>>,
    /// Where browsers are sent, at a provider without metadata.
    #[serde(default)]
    pub(crate) authorization_endpoint: Option<Text<UpstreamUrl>>,
    /// Where tokens are had, at a provider without metadata.
    #[serde(default)]
    pub(crate) token_endpoint: Option<Text<UpstreamUrl>>,
    /// Where tokens are given back (RFC 7009), at a provider without metadata.
    #[serde(default)]
    pub(crate) revocation_endpoint: Option<Text<UpstreamUrl>>,
    /// As what the provider knows Keyward. When absent, Keyward registers itself there (RFC 7591).
    #[serde(default)]
    pub(crate) client_id: Option<String>,
    /// What holds the secret of that client.
    #[serde(default)]
    pub(crate) client_secret: Option<Text<SecretPlace>>,
    /// How Keyward proves to be that client. When absent: as the provider's metadata has it.
    #[serde(default)]
    pub(crate) token_endpoint_auth_method: Option<AuthMethod>,
    /// What to ask for. When absent: what the provider's metadata says.
    #[serde(default)]
    pub(crate) scopes: Vec<Text<Scope>>,
    /// Further parameters of the authorization request.
    #[serde(default)]
    pub(crate) authorization_parameters: BTreeMap<String, String>,
    /// Whether the provider may be at a private address, and be reached by http. A provider names addresses that Keyward
    /// then calls.
    #[serde(default)]
    pub(crate) allow_private_addresses: bool,
}

/// A provider whose addresses are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Preset {
    /// github.com: an OAuth app or a GitHub app.
    Github,
    /// Google accounts.
    Google,
}

/// How a client proves itself at the token endpoint (RFC 7591 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthMethod {
    /// HTTP Basic authentication.
    ClientSecretBasic,
    /// Parameters of the body.
    ClientSecretPost,
    /// No secret.
    None,
}
