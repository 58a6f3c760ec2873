//! What the authorization server is told by its configuration. Plain data: the binary reads it from TOML.

use std::collections::BTreeMap;
use std::time::Duration;

use keyward_core::id::ServerId;
use keyward_core::resource::ResourceUri;
use keyward_core::scope::{Scope, ScopeHierarchy, ScopeSet};

/// The whole configuration of the authorization server.
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// The issuer identifier (RFC 8414 §2), to the letter: scheme, host, perhaps a path; no slash at the end.
    pub public_url: String,
    /// The MCP servers that tokens are issued for.
    pub servers: Vec<ProtectedServer>,
    /// The server that is meant where a client names none, when there are several.
    pub default_server: Option<ServerId>,
    /// What each scope allows, in the words that the consent page shows.
    pub scope_descriptions: BTreeMap<Scope, String>,
    /// Which scopes include which.
    pub hierarchy: ScopeHierarchy,
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// Who issues the tokens instead of this one, which then only has people's accounts. Empty: nobody.
    pub elsewhere: Vec<String>,
    /// Whether strangers may register clients (RFC 7591).
    pub registration: Registration,
    /// Whether a client may be identified by the URL of its metadata document.
    pub client_metadata_documents: bool,
    /// Lets metadata documents be fetched from private addresses and over plain HTTP. Development and tests only.
    pub allow_private_client_metadata: bool,
    /// The largest request body that an endpoint reads.
    pub max_body_bytes: usize,
}

/// One MCP server as the authorization server sees it.
#[derive(Clone, Debug)]
pub struct ProtectedServer {
    /// Its id in the configuration.
    pub id: ServerId,
    /// What people call it.
    pub name: String,
    /// The identifier that its tokens carry as `aud`.
    pub resource: ResourceUri,
    /// Every scope that can be granted for it.
    pub scopes: ScopeSet,
    /// What is granted when a client asks for nothing particular.
    pub default_scopes: ScopeSet,
}

/// Whether strangers may register clients (RFC 7591 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Anyone may, within limits.
    Open,
    /// Only an administrator adds clients.
    Closed,
}

/// How long what the authorization server issues lives.
#[derive(Clone, Debug)]
pub struct Lifetimes {
    /// Access tokens.
    pub access_token: Duration,
    /// A refresh token that is not used.
    pub refresh_token: Duration,
    /// A grant altogether, used or not; `None` is for ever.
    pub grant: Option<Duration>,
    /// Authorization codes.
    pub code: Duration,
    /// For how long a refresh token that was just used still gets the successor that it got.
    pub refresh_grace: Duration,
    /// A browser's session altogether.
    pub session: Duration,
    /// A browser's session that is not used.
    pub session_idle: Duration,
    /// A one-time link.
    pub invite: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            access_token: Duration::from_secs(10 * 60),
            refresh_token: 30 * DAY,
            grant: Some(365 * DAY),
            code: Duration::from_secs(60),
            refresh_grace: Duration::from_secs(2 * 60),
            session: 14 * DAY,
            session_idle: 3 * DAY,
            invite: 3 * DAY,
        }
    }
}

impl IssuerConfig {
    /// A configuration with everything at its default.
    pub fn new(public_url: impl Into<String>, servers: Vec<ProtectedServer>) -> Self {
        Self {
            public_url: public_url.into(),
            servers,
            default_server: None,
            scope_descriptions: BTreeMap::new(),
            hierarchy: ScopeHierarchy::default(),
            lifetimes: Lifetimes::default(),
            elsewhere: Vec::new(),
            registration: Registration::Open,
            client_metadata_documents: true,
            allow_private_client_metadata: false,
            max_body_bytes: 256 * 1024,
        }
    }

    /// The absolute URL of a path of ours, such as `/token`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }

    /// The path that the issuer identifier ends with, such as `/auth`; empty when it is a bare origin.
    pub fn base_path(&self) -> &str {
        let after_scheme = self.public_url.find("://").map_or(0, |at| at + 3);
        let rest = &self.public_url[after_scheme..];
        rest.find('/').map_or("", |at| &rest[at..])
    }

    /// A path of ours for links and forms, such as `/login`, below the path of the issuer identifier.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base_path())
    }

    /// The host, and the port if it is not the scheme's own, that people see in the address bar.
    pub fn host(&self) -> &str {
        let after_scheme = self.public_url.find("://").map_or(0, |at| at + 3);
        let rest = &self.public_url[after_scheme..];
        rest.find('/').map_or(rest, |at| &rest[..at])
    }

    /// The port, if it is not the scheme's own.
    pub fn port(&self) -> Option<u16> {
        // The last part of an IPv6 address without a port ends with a bracket, and is no number.
        let port = self.host().rsplit_once(':')?.1.parse().ok()?;
        let own = if self.is_https() { 443 } else { 80 };
        (port != own).then_some(port)
    }

    /// Whether people reach us over TLS, which cookies and HSTS hang on.
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// The server whose resource identifier is `resource`, to the letter.
    pub fn server_of(&self, resource: &str) -> Option<&ProtectedServer> {
        self.servers.iter().find(|server| server.resource.as_str() == resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_paths() {
        let base = |url: &str| IssuerConfig::new(url, Vec::new()).base_path().to_owned();
        assert_eq!(base("https://h"), "");
        assert_eq!(base("https://h:8/a/b"), "/a/b");
        let config = IssuerConfig::new("https://h:8/a/b", Vec::new());
        assert_eq!((config.host(), config.path("/login").as_str()), ("h:8", "/a/b/login"));
    }
}
