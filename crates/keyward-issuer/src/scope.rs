//! Which scopes a request gets to ask the person for (RFC 6749 §3.3).

use keyward_core::scope::{Scope, ScopeSet};

use crate::config::{IssuerConfig, ProtectedResource};

/// OpenID Connect Core §3.1.2.1: an ID token is wanted.
pub(crate) const OPENID: &str = "openid";
/// OpenID Connect Core §5.4: the e-mail address is wanted.
pub(crate) const EMAIL: &str = "email";
/// OpenID Connect Core §11. Refresh tokens are issued with it and without it.
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";

/// The scopes that mean the same at every resource.
const COMMON: [&str; 3] = [OPENID, EMAIL, OFFLINE_ACCESS];

/// Nothing of what was asked for exists at any resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidScope {
    /// Not scope tokens at all.
    #[error("scope has characters that no scope has")]
    Malformed,
    /// All unknown.
    #[error("none of these scopes exist here; {server} has: {scopes}")]
    Unknown { server: String, scopes: ScopeSet },
}

/// What a request for `asked` gets at `resource`: narrowed to what exists there, rather than refused, since several
/// clients ask for all that they see advertised for all servers; the resource's defaults where nothing is left of it.
pub(crate) fn resolve(
    config: &IssuerConfig,
    resource: &ProtectedResource,
    asked: Option<&str>,
) -> Result<ScopeSet, InvalidScope> {
    narrow(config, resource, asked).map(|scopes| written_out(config, resource, &scopes))
}

fn narrow(config: &IssuerConfig, resource: &ProtectedResource, asked: Option<&str>) -> Result<ScopeSet, InvalidScope> {
    let Some(asked) = asked else { return Ok(resource.default_scopes.clone()) };
    let asked: ScopeSet = asked.parse().map_err(|_| InvalidScope::Malformed)?;
    let common: ScopeSet = asked.iter().filter(|scope| COMMON.contains(&scope.as_str())).cloned().collect();
    let here = asked.intersection(&resource.scopes);
    if !here.is_empty() {
        return Ok(here.union(&common));
    }
    // Whoever asks for scopes of a resource elsewhere has come for that one: a server here is not what they mean.
    let elsewhere = config.is_elsewhere(resource.resource.as_str());
    let others = config.servers.iter().chain(config.resources.iter().filter(|_| elsewhere));
    let known_elsewhere = |scope: &Scope| others.clone().any(|other| other.scopes.contains(scope.as_str()));
    if asked.is_empty() || !common.is_empty() || asked.iter().any(known_elsewhere) {
        return Ok(resource.default_scopes.union(&common));
    }
    Err(InvalidScope::Unknown { server: resource.name.clone(), scopes: resource.scopes.clone() })
}

/// `scopes`, and for a resource elsewhere what they include of its own: nobody there knows which include which.
pub(crate) fn written_out(config: &IssuerConfig, resource: &ProtectedResource, scopes: &ScopeSet) -> ScopeSet {
    if config.is_elsewhere(resource.resource.as_str()) {
        config.hierarchy.expand(scopes).intersection(&resource.scopes).union(scopes)
    } else {
        scopes.clone()
    }
}

/// What of `granted` can be granted at `resource` still, the configuration being another now perhaps.
pub(crate) fn still(resource: &ProtectedResource, granted: &ScopeSet) -> ScopeSet {
    let stands = |scope: &&Scope| resource.scopes.contains(scope.as_str()) || COMMON.contains(&scope.as_str());
    granted.iter().filter(stands).cloned().collect()
}

/// Every scope that a request may name, for `scopes_supported` (RFC 8414 §2): that of every resource, and
/// `offline_access`, which belongs nowhere else.
pub(crate) fn supported(config: &IssuerConfig) -> ScopeSet {
    let offline: ScopeSet = OFFLINE_ACCESS.parse().unwrap_or_default();
    config.protected_resources().fold(offline, |all, protected| all.union(&protected.scopes))
}

#[cfg(test)]
mod tests {
    use keyward_core::resource::ResourceUri;
    use proptest::prelude::*;

    use super::*;

    fn server(id: &str, scopes: &str, default_scopes: &str) -> ProtectedResource {
        ProtectedResource {
            id: id.parse().expect("id"),
            name: id.to_owned(),
            resource: ResourceUri::parse(&format!("https://h/{id}")).expect("resource"),
            scopes: scopes.parse().expect("scopes"),
            default_scopes: default_scopes.parse().expect("scopes"),
        }
    }

    #[test]
    fn narrows_and_defaults() {
        let servers = vec![server("coda", "coda:read coda:write", "coda:read"), server("slack", "slack:post", "")];
        let config = IssuerConfig::new("https://h", servers);
        let resolved = |server: usize, asked: Option<&str>| {
            resolve(&config, &config.servers[server], asked).map(|scopes| scopes.to_string())
        };
        assert_eq!(resolved(0, None).as_deref(), Ok("coda:read"));
        assert_eq!(resolved(0, Some("coda:write slack:post unknown")).as_deref(), Ok("coda:write"));
        assert_eq!(resolved(0, Some("offline_access openid")).as_deref(), Ok("coda:read offline_access openid"));
        assert_eq!(resolved(1, Some("coda:read")).as_deref(), Ok(""));
        assert!(matches!(resolved(0, Some("typo")), Err(InvalidScope::Unknown { .. })));
        assert_eq!(resolved(0, Some("a\"b")), Err(InvalidScope::Malformed));
        assert_eq!(supported(&config).to_string(), "coda:read coda:write offline_access slack:post");
    }

    #[test]
    fn a_scope_of_a_resource_elsewhere_means_nothing_here() {
        let mut config = IssuerConfig::new("https://h", vec![server("coda", "coda:read", "coda:read")]);
        config.resources = vec![server("wiki", "wiki:read", "wiki:read"), server("notes", "notes:read", "notes:read")];
        let resolved = |server: &ProtectedResource, asked: &str| {
            resolve(&config, server, Some(asked)).map(|scopes| scopes.to_string())
        };
        assert!(matches!(resolved(&config.servers[0], "wiki:read"), Err(InvalidScope::Unknown { .. })));
        assert_eq!(resolved(&config.servers[0], "wiki:read coda:read").as_deref(), Ok("coda:read"));
        for of_others in ["coda:read", "notes:read"] {
            assert_eq!(resolved(&config.resources[0], of_others).as_deref(), Ok("wiki:read"), "{of_others}");
        }
    }

    #[test]
    fn what_a_scope_includes_is_written_out_for_a_resource_elsewhere() {
        let direct = [("admin", "write"), ("write", "read other")];
        let direct = direct.map(|(scope, included)| (scope.parse().expect("scope"), included.parse().expect("scopes")));
        let mut config = IssuerConfig::new("https://h", vec![server("coda", "admin write read", "read")]);
        config.resources = vec![server("notes", "admin write read", "read")];
        config.hierarchy = keyward_core::scope::ScopeHierarchy::new(direct.into());
        let resolved = |server: &ProtectedResource, asked: &str| {
            resolve(&config, server, Some(asked)).expect("scopes").to_string()
        };
        assert_eq!(resolved(&config.servers[0], "admin openid"), "admin openid");
        assert_eq!(resolved(&config.resources[0], "admin openid"), "admin openid read write");
        assert_eq!(resolved(&config.resources[0], "read"), "read");
        let granted = "read gone openid".parse().expect("scopes");
        assert_eq!(still(&config.resources[0], &granted).to_string(), "openid read");
        assert_eq!(supported(&config).to_string(), "admin offline_access read write");
    }

    proptest! {
        #[test]
        fn no_more_is_asked_for_than_there_is(
            asked in prop_oneof!["((coda:(read|write)|slack:post|openid|email|offline_access|x) {0,2}){0,6}", "\\PC{0,24}"],
        ) {
            let servers = vec![server("coda", "coda:read coda:write", "coda:read"), server("slack", "slack:post", "")];
            let config = IssuerConfig::new("https://h", servers);
            for server in &config.servers {
                let Ok(scopes) = resolve(&config, server, Some(&asked)) else { continue };
                let common: ScopeSet = COMMON.join(" ").parse().expect("scopes");
                prop_assert!(server.scopes.union(&common).covers(&scopes));
                let asked: ScopeSet = asked.parse().expect("scopes, since they were resolved");
                prop_assert!(asked.union(&server.default_scopes).covers(&scopes));
            }
        }

        #[test]
        fn what_is_written_is_read_again(text in prop_oneof!["[!-~ ]{0,32}", "\\PC{0,16}"]) {
            let Ok(scopes) = text.parse::<ScopeSet>() else { return Ok(()) };
            prop_assert_eq!(scopes.to_string().parse(), Ok(scopes.clone()));
            prop_assert!(text.split(' ').filter(|part| !part.is_empty()).all(|part| scopes.contains(part)));
        }
    }
}
