//! What the gateway is told. Plain values; files and environment are the binary's.

use std::time::Duration;

use keyward_core::id::ServerId;
use keyward_core::resource::InvalidResource;
use keyward_core::scope::ScopeSet;
use keyward_outbound::TlsConnector;
use keyward_vault::CredentialSpec;
use keyward_vault::upstream::GrantCredential;
use url::Url;

/// What the gateway is told.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Where the world finds it, without a slash at the end. A server's resource is this and its path, to the letter.
    pub public_url: String,
    /// The servers behind it.
    pub servers: Vec<ServerConfig>,
    /// The server whose metadata document is at the root too.
    pub default_server: Option<ServerId>,
    /// Origins besides its own whose pages may call; `*` for all.
    pub allowed_origins: Vec<String>,
    /// Host names besides its own by which it may be called.
    pub allowed_hosts: Vec<String>,
    /// Whether it listens on loopback addresses only; `localhost` and the like are its names then.
    pub loopback: bool,
    /// What it does when the audit log cannot be written.
    pub audit_mode: AuditMode,
    /// How much and how long.
    pub limits: Limits,
    /// For upstreams with https.
    pub tls: TlsConnector,
}

/// A server behind the gateway.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Its id.
    pub id: ServerId,
    /// Its name for people.
    pub name: Option<String>,
    /// Its path here: `/` and segments of letters, digits and `-._~`, no slash at the end.
    pub path: String,
    /// Its own endpoint. A query in it is sent with every call; a client's query never goes on.
    pub upstream: Url,
    /// The issuers whose tokens are accepted, for the metadata document; clients take the first.
    pub authorization_servers: Vec<String>,
    /// What every call needs.
    pub scopes: ScopeSet,
    /// What its metadata document lists. Few: several clients ask for all that they see.
    pub scopes_supported: ScopeSet,
    /// What calls of some tools need besides: patterns, in which `*` stands for any text, and scopes.
    pub tool_scopes: Vec<(String, ScopeSet)>,
    /// Which token its calls carry; `None` for a server that needs none.
    pub credential: Option<CredentialSpec>,
    /// Whose token that is.
    pub credential_owner: CredentialOwner,
    /// Another authorization server, at which each caller's own access token is had; instead of a token of the cabinet.
    pub connection: Option<GrantCredential>,
}

/// Whose token a call carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CredentialOwner {
    /// The one that all calls of the server share.
    #[default]
    Shared,
    /// The calling person's own; without one the call is refused.
    User,
    /// The calling person's own where there is one, else the shared one.
    UserOrShared,
}

/// What happens to a call whose audit record cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditMode {
    /// It goes on; the loss is counted.
    #[default]
    FailOpen,
    /// It is refused: a record is on disk before upstream hears of the call.
    FailClosed,
}

/// How much and how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest request body.
    pub max_body_bytes: u64,
    /// How long a client may take to send a body that must be read before a decision.
    pub body_timeout: Duration,
    /// How long connecting to an upstream may take, with TLS.
    pub connect_timeout: Duration,
    /// How long an upstream may take until the headers of its answer are there. The body may take for ever.
    pub response_timeout: Duration,
    /// How long a stream of events may be silent before a comment is put in.
    pub keep_alive: Duration,
}

impl Default for Limits {
    /// 4 MiB; 30 s for a body, 5 s to connect, 60 s to answer; a comment after 20 s of silence, so that 25 are never
    /// reached.
    fn default() -> Self {
        Self {
            max_body_bytes: 4 << 20,
            body_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(60),
            keep_alive: Duration::from_secs(20),
        }
    }
}

/// A configuration that the gateway cannot work by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The public URL is none.
    #[error("the public URL must be an http or https URL")]
    PublicUrl,
    /// A path that could be spelled in several ways.
    #[error(
        "server {id}: the path \"{path}\" must begin with '/', not end with one, and have only letters, digits and -._~ in its segments"
    )]
    Path {
        /// The server.
        id: ServerId,
        /// Its path.
        path: String,
    },
    /// Two servers with one path.
    #[error("servers {} and {} have the same path \"{path}\"", servers[0], servers[1])]
    SamePath {
        /// The path.
        path: String,
        /// The servers.
        servers: [ServerId; 2],
    },
    /// The default server is none of the servers.
    #[error("there is no server {0} to be the default")]
    UnknownDefault(ServerId),
    /// The public URL and the path give no resource identifier.
    #[error("server {id}: {cause}")]
    Resource {
        /// The server.
        id: ServerId,
        /// Why.
        cause: InvalidResource,
    },
    /// An upstream that is no endpoint.
    #[error(
        "server {id}: the upstream must be an http or https URL with a host, without user information and fragment"
    )]
    Upstream {
        /// The server.
        id: ServerId,
    },
}
