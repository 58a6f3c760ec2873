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
    /// The MCP servers here, behind this Keyward.
    pub servers: Vec<ProtectedResource>,
    /// What tokens are issued for besides, though it is elsewhere. A client gets one only by naming it.
    pub resources: Vec<ProtectedResource>,
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

/// What tokens are issued for, an MCP server or another, as the authorization server sees it.
#[derive(Clone, Debug)]
pub struct ProtectedResource {
    /// Its id in the configuration, of which servers and resources have no two alike.
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
    pub fn new(public_url: impl Into<String>, servers: Vec<ProtectedResource>) -> Self {
        Self {
            public_url: public_url.into(),
            servers,
            resources: Vec::new(),
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

    /// All that tokens are issued for; the servers first, so that nothing elsewhere can stand for one of them.
    pub fn protected_resources(&self) -> impl Iterator<Item = &ProtectedResource> {
        self.servers.iter().chain(&self.resources)
    }

    /// The one whose identifier is `resource`, to the letter.
    pub fn protected_resource(&self, resource: &str) -> Option<&ProtectedResource> {
        self.protected_resources().find(|protected| protected.resource.as_str() == resource)
    }

    /// Whether `resource`, an identifier, is that of no server here: whoever takes its tokens knows of them what they say
    /// themselves, and nothing else.
    pub fn is_elsewhere(&self, resource: &str) -> bool {
        self.servers.iter().all(|server| server.resource.as_str() != resource)
    }

    /// For how long, in words, access tokens for `resource` may go on working after their grant has ended; `None` where
    /// they end with it.
    pub fn outlives_its_grant(&self, resource: &str) -> Option<String> {
        let seconds = self.lifetimes.access_token.as_secs();
        let (count, unit) = match seconds {
            0..120 => (seconds, "second"),
            120..7200 => (seconds.div_ceil(60), "minute"),
            _ => (seconds.div_ceil(3600), "hour"),
        };
        let plural = if count == 1 { "" } else { "s" };
        let taken_elsewhere = self.is_elsewhere(resource)
            && self.resources.iter().any(|protected| protected.resource.as_str() == resource);
        taken_elsewhere.then(|| format!("{count} {unit}{plural}"))
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

    #[test]
    fn what_outlives_its_grant_is_elsewhere() {
        let resource = |id: &str| ProtectedResource {
            id: id.parse().expect("id"),
            name: id.to_owned(),
            resource: ResourceUri::parse(&format!("https://{id}.example/mcp")).expect("resource"),
            scopes: ScopeSet::empty(),
            default_scopes: ScopeSet::empty(),
        };
        let mut config = IssuerConfig::new("https://here.example", vec![resource("here")]);
        config.resources = vec![resource("there"), resource("here")];
        for (seconds, words) in
            [(1, "1 second"), (90, "90 seconds"), (150, "3 minutes"), (600, "10 minutes"), (86_400, "24 hours")]
        {
            config.lifetimes.access_token = Duration::from_secs(seconds);
            assert_eq!(config.outlives_its_grant("https://there.example/mcp").as_deref(), Some(words));
        }
        for other in ["https://here.example/mcp", "https://nowhere.example/mcp"] {
            assert_eq!(config.outlives_its_grant(other), None);
        }
    }
}
