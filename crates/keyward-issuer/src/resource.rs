//! Which MCP server a request is about (RFC 8707 §2).

use crate::config::{IssuerConfig, ProtectedServer};

/// `invalid_target` (RFC 8707 §2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidTarget {
    /// Several servers, none the default, and none named.
    #[error("name the server as resource: {0}")]
    Needed(String),
    /// Something else was named.
    #[error("there is no such resource here; there is: {0}")]
    Unknown(String),
    /// One token is for one server.
    #[error("a token is for one resource; ask for one at a time")]
    Several,
}

/// The server that `asked`, the `resource` parameters of a request, mean. What is bound to the token is always the
/// server's own identifier, however it was spelled.
pub(crate) fn resolve<'a>(config: &'a IssuerConfig, asked: &[String]) -> Result<&'a ProtectedServer, InvalidTarget> {
    match asked {
        [] => default_server(config).ok_or_else(|| InvalidTarget::Needed(choices(config))),
        [one] => named(config, one).ok_or_else(|| InvalidTarget::Unknown(choices(config))),
        [first, rest @ ..] => {
            let first = named(config, first).ok_or_else(|| InvalidTarget::Unknown(choices(config)))?;
            let same = |other: &String| named(config, other).is_some_and(|server| server.id == first.id);
            rest.iter().all(same).then_some(first).ok_or(InvalidTarget::Several)
        }
    }
}

fn named<'a>(config: &'a IssuerConfig, asked: &str) -> Option<&'a ProtectedServer> {
    let spelled_out = config.servers.iter().find(|server| server.resource.is_meant_by(asked));
    spelled_out.or_else(|| default_server(config).filter(|server| server.resource.has_origin(asked)))
}

/// The server that is meant where none is named: the only one, or the one that the configuration says.
fn default_server(config: &IssuerConfig) -> Option<&ProtectedServer> {
    match config.servers.as_slice() {
        [only] => Some(only),
        servers => servers.iter().find(|server| Some(&server.id) == config.default_server.as_ref()),
    }
}

fn choices(config: &IssuerConfig) -> String {
    let resources: Vec<_> = config.servers.iter().map(|server| server.resource.as_str()).collect();
    resources.join(" ")
}

#[cfg(test)]
mod tests {
    use keyward_core::resource::ResourceUri;
    use keyward_core::scope::ScopeSet;

    use super::*;

    fn config(ids: &[&str]) -> IssuerConfig {
        let server = |id: &&str| ProtectedServer {
            id: id.parse().expect("id"),
            name: (*id).to_owned(),
            resource: ResourceUri::parse(&format!("https://mcp.example.com/{id}/mcp")).expect("resource"),
            scopes: ScopeSet::empty(),
            default_scopes: ScopeSet::empty(),
        };
        IssuerConfig::new("https://mcp.example.com", ids.iter().map(server).collect())
    }

    fn resolved(config: &IssuerConfig, asked: &[&str]) -> Result<String, InvalidTarget> {
        let asked: Vec<_> = asked.iter().map(|text| (*text).to_owned()).collect();
        resolve(config, &asked).map(|server| server.id.to_string())
    }

    #[test]
    fn aliases_mean_the_server() {
        let two = config(&["coda", "slack"]);
        for alias in ["https://mcp.example.com/coda/mcp", "https://MCP.example.com/coda/mcp/"] {
            assert_eq!(resolved(&two, &[alias]), Ok("coda".to_owned()), "{alias}");
        }
        let both = ["https://mcp.example.com/coda/mcp", "https://mcp.example.com/slack/mcp"];
        assert_eq!(resolved(&two, &both), Err(InvalidTarget::Several));
        let twice = ["https://mcp.example.com/coda/mcp", "https://mcp.example.com/coda/mcp/"];
        assert_eq!(resolved(&two, &twice), Ok("coda".to_owned()));
    }

    #[test]
    fn the_only_or_default_server_may_be_left_out_or_meant_by_its_origin() {
        let one = config(&["coda"]);
        assert_eq!(resolved(&one, &[]), Ok("coda".to_owned()));
        assert_eq!(resolved(&one, &["https://mcp.example.com/"]), Ok("coda".to_owned()));
        let mut two = config(&["coda", "slack"]);
        assert!(matches!(resolved(&two, &["https://mcp.example.com"]), Err(InvalidTarget::Unknown(_))));
        let Err(InvalidTarget::Needed(choices)) = resolved(&two, &[]) else { panic!("ambiguous") };
        assert_eq!(choices, "https://mcp.example.com/coda/mcp https://mcp.example.com/slack/mcp");
        two.default_server = Some("slack".parse().expect("id"));
        assert_eq!(resolved(&two, &[]), Ok("slack".to_owned()));
        assert!(matches!(resolved(&two, &["https://other.example/coda/mcp"]), Err(InvalidTarget::Unknown(_))));
    }
}
