//! Which resource a request is about (RFC 8707 §2).

use crate::config::{IssuerConfig, ProtectedResource};

/// `invalid_target` (RFC 8707 §2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidTarget {
    /// Several servers, none the default, and none named.
    #[error("name the server as resource: {0}")]
    Needed(String),
    /// Something else was named.
    #[error("there is no such resource here; there is: {0}")]
    Unknown(String),
    /// One token is for one resource.
    #[error("a token is for one resource; ask for one at a time")]
    Several,
    /// Another than the code or the refresh token is bound to.
    #[error("these tokens are for {0}; ask for another resource by another authorization")]
    Other(String),
    /// It was taken out of the configuration.
    #[error("tokens for {0} are issued no more")]
    Gone(String),
}

/// What `asked`, the `resource` parameters of a request, mean. What is bound to the token is always the resource's own
/// identifier, however it was spelled.
pub(crate) fn resolve<'a>(config: &'a IssuerConfig, asked: &[String]) -> Result<&'a ProtectedResource, InvalidTarget> {
    match asked {
        [] => meant_by_nothing(config).ok_or_else(|| InvalidTarget::Needed(choices(config))),
        [one] => named(config, one).ok_or_else(|| InvalidTarget::Unknown(choices(config))),
        [first, rest @ ..] => {
            let first = named(config, first).ok_or_else(|| InvalidTarget::Unknown(choices(config)))?;
            let same = |other: &String| named(config, other).is_some_and(|other| other.resource == first.resource);
            rest.iter().all(same).then_some(first).ok_or(InvalidTarget::Several)
        }
    }
}

/// What a code or a grant is bound to, where the client may name it once more (RFC 8707 §2.2). What is configured no more
/// gets no more tokens: those for a resource elsewhere would be taken there.
pub(crate) fn bound<'a>(
    config: &'a IssuerConfig,
    asked: &[String],
    bound: &str,
) -> Result<&'a ProtectedResource, InvalidTarget> {
    let resource = config.protected_resource(bound).ok_or_else(|| InvalidTarget::Gone(bound.to_owned()))?;
    if asked.is_empty() || resolve(config, asked)?.resource == resource.resource {
        Ok(resource)
    } else {
        Err(InvalidTarget::Other(bound.to_owned()))
    }
}

fn named<'a>(config: &'a IssuerConfig, asked: &str) -> Option<&'a ProtectedResource> {
    let spelled_out = config.protected_resources().find(|protected| protected.resource.is_meant_by(asked));
    spelled_out.or_else(|| default_server(config).filter(|server| server.resource.has_origin(asked)))
}

/// The server that is meant where none is named. Never a resource elsewhere; and where there are such, not the only server here
/// either, unless the configuration says so: a client that names none may have come for one of them, and would carry there
/// what is good here.
fn meant_by_nothing(config: &IssuerConfig) -> Option<&ProtectedResource> {
    if config.resources.is_empty() { default_server(config) } else { named_default(config) }
}

/// The server that our bare origin means: the only one, or the one that the configuration says.
fn default_server(config: &IssuerConfig) -> Option<&ProtectedResource> {
    match config.servers.as_slice() {
        [only] => Some(only),
        _ => named_default(config),
    }
}

fn named_default(config: &IssuerConfig) -> Option<&ProtectedResource> {
    config.servers.iter().find(|server| Some(&server.id) == config.default_server.as_ref())
}

fn choices(config: &IssuerConfig) -> String {
    let resources: Vec<_> = config.protected_resources().map(|protected| protected.resource.as_str()).collect();
    resources.join(" ")
}

#[cfg(test)]
mod tests {
    use keyward_core::resource::ResourceUri;
    use keyward_core::scope::ScopeSet;

    use super::*;

    fn config(ids: &[&str]) -> IssuerConfig {
        let server = |id: &&str| protected(id, &format!("https://mcp.example.com/{id}/mcp"));
        IssuerConfig::new("https://mcp.example.com", ids.iter().map(server).collect())
    }

    fn protected(id: &str, resource: &str) -> ProtectedResource {
        ProtectedResource {
            id: id.parse().expect("id"),
            name: id.to_owned(),
            resource: ResourceUri::parse(resource).expect("resource"),
            scopes: ScopeSet::empty(),
            default_scopes: ScopeSet::empty(),
        }
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

    #[test]
    fn a_resource_elsewhere_is_had_only_by_naming_it() {
        const ELSEWHERE: &str = "https://notes.example.com/mcp";
        for servers in [&["coda"][..], &["coda", "slack"], &[]] {
            let before = config(servers);
            let mut after = before.clone();
            after.resources = vec![protected("notes", ELSEWHERE), protected("wiki", "https://notes.example.com/wiki")];
            for asked in ["https://mcp.example.com", "https://mcp.example.com/coda/mcp/"] {
                let asked = &[asked][..];
                assert_eq!(resolved(&after, asked).ok(), resolved(&before, asked).ok(), "{asked:?} of {servers:?}");
            }
            // Whoever names nothing may have come for what is elsewhere.
            assert!(matches!(resolved(&after, &[]), Err(InvalidTarget::Needed(_))), "{servers:?}");
            after.default_server = servers.first().map(|id| id.parse().expect("id"));
            assert_eq!(resolved(&after, &[]).ok(), servers.first().map(|id| (*id).to_owned()), "{servers:?}");
            for spelled in [ELSEWHERE, "https://NOTES.example.com:443/mcp/"] {
                assert_eq!(resolved(&after, &[spelled]), Ok("notes".to_owned()), "{spelled}");
            }
            for other in ["https://notes.example.com", "https://notes.example.com/mcp/x", "https://notes.example.com/m"]
            {
                assert!(matches!(resolved(&after, &[other]), Err(InvalidTarget::Unknown(_))), "{other}");
            }
        }
    }

    #[test]
    fn one_token_is_for_one_of_here_and_elsewhere() {
        let mut both = config(&["coda"]);
        both.resources = vec![protected("notes", "https://notes.example.com/mcp")];
        let asked = ["https://mcp.example.com/coda/mcp", "https://notes.example.com/mcp"];
        assert_eq!(resolved(&both, &asked), Err(InvalidTarget::Several));
        // The configuration is refused that says so; if it came this far, the server here would be meant.
        both.resources = vec![protected("twin", "https://MCP.example.com/coda/mcp/")];
        for asked in ["https://mcp.example.com/coda/mcp", "https://MCP.example.com/coda/mcp/"] {
            assert_eq!(resolved(&both, &[asked]), Ok("coda".to_owned()));
        }
    }

    #[test]
    fn what_is_bound_stays_so_while_it_is_configured() {
        let mut both = config(&["coda"]);
        both.resources = vec![protected("notes", "https://notes.example.com/mcp")];
        let bound = |config: &IssuerConfig, asked: &[&str], to: &str| {
            let asked: Vec<_> = asked.iter().map(|text| (*text).to_owned()).collect();
            bound(config, &asked, to).map(|resource| resource.id.to_string())
        };
        let notes = "https://notes.example.com/mcp";
        assert_eq!(bound(&both, &[], notes), Ok("notes".to_owned()));
        assert_eq!(bound(&both, &["https://notes.example.com/mcp/"], notes), Ok("notes".to_owned()));
        // The bare origin means the server here.
        for asked in ["https://mcp.example.com/coda/mcp", "https://mcp.example.com"] {
            assert_eq!(bound(&both, &[asked], notes), Err(InvalidTarget::Other(notes.to_owned())));
        }
        both.resources.clear();
        assert_eq!(bound(&both, &[], notes), Err(InvalidTarget::Gone(notes.to_owned())));
    }
}
