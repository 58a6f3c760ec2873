//! Step 1: the path picks a server.
//!
//! Paths are compared byte for byte and whole, with or without one slash at the end. Nothing is decoded, merged or
//! resolved first: `%2f`, `//` and `/../` are other paths than the configured ones and lead nowhere, so that there is no
//! second reading of a path which could lead elsewhere than the first.

use std::collections::HashMap;
use std::sync::Arc;

use keyward_core::id::ServerId;

use crate::config::ConfigError;
use crate::server::Server;
use crate::upstream::UpstreamId;

/// Where [RFC 9728 §3](https://www.rfc-editor.org/rfc/rfc9728#section-3) puts metadata documents.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// From path to server.
#[derive(Debug)]
pub(crate) struct Routes {
    endpoints: HashMap<Box<str>, Arc<Server>>,
    documents: HashMap<Box<str>, Arc<Server>>,
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Route {
    /// An MCP endpoint.
    Endpoint(Arc<Server>),
    /// The metadata document of one.
    Document(Arc<Server>),
    /// Nothing; the path is ours all the same.
    Nothing,
}

impl Routes {
    /// `default`: the server whose document is also at the root; the only one is it anyway.
    pub(crate) fn new(servers: Vec<Arc<Server>>, default: Option<&ServerId>) -> Result<Self, ConfigError> {
        let root = match (default, &*servers) {
            (Some(id), all) => {
                let found = all.iter().find(|server| server.id() == id);
                Some(found.ok_or_else(|| ConfigError::UnknownDefault(id.clone()))?)
            }
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let mut documents: HashMap<Box<str>, _> =
            root.map(|server| (WELL_KNOWN.into(), Arc::clone(server))).into_iter().collect();
        let mut endpoints: HashMap<Box<str>, _> = HashMap::with_capacity(servers.len());
        for server in servers {
            documents.insert(server.resource().metadata_path().into(), Arc::clone(&server));
            if let Some(other) = endpoints.insert(server.path().into(), Arc::clone(&server)) {
                return Err(ConfigError::SamePath {
                    path: server.path().to_owned(),
                    servers: [other.id().clone(), server.id().clone()],
                });
            }
        }
        Ok(Self { endpoints, documents })
    }

    /// Whether the gateway answers for `path`.
    pub(crate) fn owns(&self, path: &str) -> bool {
        is_document(path) || self.endpoints.contains_key(without_slash(path))
    }

    /// All servers.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.endpoints.values()
    }

    /// The upstreams of all servers.
    pub(crate) fn upstreams(&self) -> impl Iterator<Item = UpstreamId> {
        self.endpoints.values().map(|server| server.upstream().id())
    }

    pub(crate) fn find(&self, path: &str) -> Route {
        let table = if is_document(path) { &self.documents } else { &self.endpoints };
        match table.get(without_slash(path)) {
            Some(server) if is_document(path) => Route::Document(Arc::clone(server)),
            Some(server) => Route::Endpoint(Arc::clone(server)),
            None => Route::Nothing,
        }
    }
}

fn is_document(path: &str) -> bool {
    path.strip_prefix(WELL_KNOWN).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `/mcp/` and `/mcp` are one (rule R10).
fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

/// Whether a configured path is one that clients can only spell in one way.
pub(crate) fn is_plain(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'/');
    path.len() > 1
        && path.starts_with('/')
        && path.bytes().all(plain)
        && path[1..].split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::testing::server;

    fn routes(paths: &[&str], default: Option<&str>) -> Result<Routes, ConfigError> {
        let servers = paths.iter().enumerate().map(|(index, path)| Arc::new(server(&format!("s{index}"), path)));
        Routes::new(servers.collect(), default.map(|id| id.parse().expect("an id")).as_ref())
    }

    fn leads_to(routes: &Routes, path: &str) -> Option<String> {
        let route = routes.find(path);
        assert_eq!(routes.owns(path), !matches!(route, Route::Nothing) || is_document(path), "{path}");
        match route {
            Route::Endpoint(server) => Some(server.id().to_string()),
            Route::Document(server) => Some(format!("{} document", server.id())),
            Route::Nothing => None,
        }
    }

    #[test]
    fn a_path_leads_to_its_server_with_or_without_slash() {
        let routes = routes(&["/mcp", "/coda/mcp"], None).expect("routes");
        for (path, server) in [("/mcp", "s0"), ("/mcp/", "s0"), ("/coda/mcp", "s1"), ("/coda/mcp/", "s1")] {
            assert_eq!(leads_to(&routes, path).as_deref(), Some(server), "{path}");
        }
    }

    #[test]
    fn no_other_spelling_leads_anywhere() {
        let routes = routes(&["/mcp", "/coda/mcp"], None).expect("routes");
        for path in [
            "/",
            "",
            "//mcp",
            "/mcp//",
            "/coda//mcp",
            "/coda%2fmcp",
            "/coda/%6dcp",
            "/coda/./mcp",
            "/x/../mcp",
            "/MCP",
            "/mcp/x",
            "/coda",
            "/coda/mcp;a",
            "/coda\\mcp",
            "mcp",
            "/mcp%00",
            "/.well-known/oauth-protected-resourcex",
        ] {
            assert_eq!(leads_to(&routes, path), None, "{path}");
        }
    }

    #[test]
    fn documents_are_at_the_inserted_path_and_for_a_default_at_the_root() {
        let inserted = "/.well-known/oauth-protected-resource/coda/mcp";
        let two = routes(&["/mcp", "/coda/mcp"], None).expect("routes");
        assert_eq!(leads_to(&two, inserted).as_deref(), Some("s1 document"));
        assert_eq!(leads_to(&two, &format!("{inserted}/")).as_deref(), Some("s1 document"));
        assert_eq!(leads_to(&two, WELL_KNOWN), None);
        assert!(two.owns(WELL_KNOWN), "to answer 404 in JSON");
        let default = routes(&["/mcp", "/coda/mcp"], Some("s1")).expect("routes");
        assert_eq!(leads_to(&default, WELL_KNOWN).as_deref(), Some("s1 document"));
        let only = routes(&["/mcp"], None).expect("routes");
        assert_eq!(leads_to(&only, WELL_KNOWN).as_deref(), Some("s0 document"));
    }

    #[test]
    fn mistakes_are_told() {
        assert!(matches!(routes(&["/mcp", "/mcp"], None), Err(ConfigError::SamePath { .. })));
        assert!(matches!(routes(&["/mcp"], Some("x")), Err(ConfigError::UnknownDefault(_))));
        for bad in ["", "/", "mcp", "/mcp/", "//mcp", "/a/../b", "/a%20b", "/a?b", "/a b", "/é", "/."] {
            assert!(!is_plain(bad), "{bad}");
        }
        assert!(is_plain("/coda/v1.2/mcp_~-"));
    }
}
