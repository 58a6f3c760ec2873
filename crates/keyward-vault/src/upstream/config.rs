//! What a connection is told by the configuration. Plain data: the binary reads it from TOML.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use keyward_core::id::ConnectionId;
use keyward_core::scope::ScopeSet;
use keyward_core::secret::Secret;
use url::Url;

/// All connections, and where answers come back to.
#[derive(Clone, Debug)]
pub struct ConnectionsConfig {
    /// Where people reach Keyward, without a slash at the end.
    pub public_url: String,
    /// The connections, each with an id of its own.
    pub connections: Vec<ConnectionConfig>,
}

/// An authorization server at which people may connect an account of theirs.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// Its id.
    pub id: ConnectionId,
    /// Its name for people.
    pub name: String,
    /// The servers that use it, as people call them.
    pub used_by: Vec<String>,
    /// Where it is.
    pub provider: ProviderConfig,
    /// As which client Keyward is known there; without one it registers itself (RFC 7591).
    pub client: Option<ConfiguredClient>,
    /// What to ask for; empty for what the provider says that is needed.
    pub scopes: ScopeSet,
    /// Further parameters of the authorization request, such as Google's `access_type=offline`.
    pub parameters: Vec<(String, String)>,
    /// Whether its addresses may be private ones and plain HTTP.
    pub allow_private_addresses: bool,
}

/// Where an authorization server is.
#[derive(Clone, Debug)]
pub enum ProviderConfig {
    /// Known beforehand.
    Endpoints {
        /// Its issuer identifier, when it has one: what its answers name it by (RFC 9207).
        issuer: Option<String>,
        /// Where browsers are sent (RFC 6749 §3.1).
        authorization_endpoint: Url,
        /// Where tokens are had (RFC 6749 §3.2).
        token_endpoint: Url,
        /// Where they are given back (RFC 7009).
        revocation_endpoint: Option<Url>,
    },
    /// Its metadata says (RFC 8414).
    Issuer(String),
    /// Its metadata says (OpenID Connect Discovery §4), and what is asked for is who somebody is.
    OpenId {
        /// Its issuer identifier, which the metadata must name.
        issuer: String,
        /// Where the metadata is, if not at one of the usual places.
        metadata_url: Option<Url>,
        /// How it gives refresh tokens.
        offline_access: OfflineAccess,
    },
    /// The metadata of a protected resource names it (RFC 9728), as MCP's authorization specification has it.
    Resource {
        /// The resource.
        resource: Url,
        /// The one issuer that it may name. Whoever has a secret at the provider pins it: without, the resource decides who
        /// is shown that secret.
        issuer: Option<String>,
    },
}

/// How an OpenID provider gives refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfflineAccess {
    /// For the scope `offline_access` and the person's consent each time, `prompt=consent` (OpenID Connect Core §11).
    Consented,
    /// For that scope.
    Scope,
    /// Not for that scope.
    Otherwise,
}

/// A client that the provider's operator has registered.
#[derive(Clone)]
pub struct ConfiguredClient {
    /// Its id.
    pub client_id: String,
    /// Its secret, when it has one.
    pub secret: Option<Arc<Secret>>,
    /// How it proves itself; without, what the provider takes.
    pub auth_method: Option<AuthMethod>,
}

impl fmt::Debug for ConfiguredClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfiguredClient").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// How a client proves itself at the token endpoint (RFC 7591 §2, `token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// By HTTP Basic authentication (RFC 6749 §2.3.1).
    Basic,
    /// By parameters of the body (RFC 6749 §2.3.1).
    Post,
    /// Not at all: a public client, which PKCE protects.
    None,
}

impl AuthMethod {
    /// Those there are, in the order in which they are chosen.
    pub const ALL: [Self; 3] = [Self::Basic, Self::Post, Self::None];

    /// The name that metadata has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::None => "none",
        }
    }
}

impl FromStr for AuthMethod {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|method| method.as_str() == text).ok_or(())
    }
}
