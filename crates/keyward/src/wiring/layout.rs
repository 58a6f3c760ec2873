//! What follows from the configuration as a whole: the public URL, each server's resource, which scopes exist.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::Context;
use keyward_core::resource::ResourceUri;
use keyward_core::scope::{Scope, ScopeHierarchy, ScopeSet};

use crate::config::{Config, McpServer, ResourceElsewhere, TextValue};

/// The servers as the world sees them.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Where clients reach Keyward; its issuer identifier.
    pub(crate) public_url: String,
    /// Which scope includes which.
    pub(crate) hierarchy: ScopeHierarchy,
    /// The servers, in the order of the configuration.
    pub(crate) servers: Vec<PlacedServer>,
    /// What tokens are issued for besides, in the order of the configuration.
    pub(crate) resources: Vec<AdmittedResource>,
}

/// A resource elsewhere as the authorization server sees it.
#[derive(Debug)]
pub(crate) struct AdmittedResource {
    /// What the configuration says.
    pub(crate) config: ResourceElsewhere,
    /// All that can be granted for it.
    pub(crate) grantable: ScopeSet,
    /// What a client gets that asks for nothing particular.
    pub(crate) defaults: ScopeSet,
}

/// One server as the world sees it.
#[derive(Debug)]
pub(crate) struct PlacedServer {
    /// What the configuration says.
    pub(crate) config: McpServer,
    /// Its identifier: the public URL and its path.
    pub(crate) resource: ResourceUri,
    /// What every call needs.
    pub(crate) required: ScopeSet,
    /// All that can be granted for it.
    pub(crate) grantable: ScopeSet,
    /// What a client gets that asks for nothing particular.
    pub(crate) defaults: ScopeSet,
}

impl Layout {
    /// Lays the configuration out; `bound` is the address that is listened on, where that is known already.
    pub(crate) fn new(config: &Config, bound: Option<SocketAddr>) -> anyhow::Result<Self> {
        let public_url = config.server.url(bound);
        let direct = config.scopes.iter().map(|(name, meaning)| {
            Ok((name.parse::<Scope>()?, meaning.includes.iter().map(|scope| scope.0.clone()).collect()))
        });
        let direct: BTreeMap<Scope, ScopeSet> =
            direct.collect::<Result<_, keyward_core::scope::InvalidScope>>().context("in [scopes]")?;
        let hierarchy = ScopeHierarchy::new(direct.clone());
        let servers = config.servers.iter().map(|server| place(server, &public_url, &direct, &hierarchy));
        let servers = servers.collect::<anyhow::Result<_>>()?;
        let resources = config.resources.iter().map(|resource| admit(resource, &direct, &hierarchy)).collect();
        Ok(Self { servers, resources, public_url, hierarchy })
    }
}

fn place(
    server: &McpServer,
    public_url: &str,
    direct: &BTreeMap<Scope, ScopeSet>,
    hierarchy: &ScopeHierarchy,
) -> anyhow::Result<PlacedServer> {
    let resource = ResourceUri::parse(&format!("{public_url}{}", server.path.0.to_text()))
        .with_context(|| format!("server {}", server.id.0))?;
    let required: ScopeSet = server.scopes.iter().map(|scope| scope.0.clone()).collect();
    let defaults = match &server.default_scopes {
        Some(scopes) => scopes.iter().map(|scope| scope.0.clone()).collect(),
        None => required.clone(),
    };
    let of_tools: ScopeSet = server.tool_scopes.values().flatten().map(|scope| scope.0.clone()).collect();
    let grantable = grantable(required.union(&of_tools).union(&defaults), direct, hierarchy);
    Ok(PlacedServer { config: server.clone(), resource, required, grantable, defaults })
}

fn admit(
    resource: &ResourceElsewhere,
    direct: &BTreeMap<Scope, ScopeSet>,
    hierarchy: &ScopeHierarchy,
) -> AdmittedResource {
    let scopes: ScopeSet = resource.scopes.iter().map(|scope| scope.0.clone()).collect();
    let defaults = match &resource.default_scopes {
        Some(scopes) => scopes.iter().map(|scope| scope.0.clone()).collect(),
        None => scopes.clone(),
    };
    let grantable = grantable(scopes.union(&defaults), direct, hierarchy);
    AdmittedResource { config: resource.clone(), grantable, defaults }
}

/// A scope that includes one of those that are used can be granted too, though nothing asks for it by name.
fn grantable(used: ScopeSet, direct: &BTreeMap<Scope, ScopeSet>, hierarchy: &ScopeHierarchy) -> ScopeSet {
    let includes_one = |scope: &&Scope| {
        let alone = ScopeSet::from_iter([(*scope).clone()]);
        !hierarchy.expand(&alone).intersection(&used).is_empty()
    };
    let including: ScopeSet = direct.keys().filter(includes_one).cloned().collect();
    used.union(&including)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_that_include_others_can_be_granted() {
        let text = "
            [scopes.admin]
            includes = ['write']
            [scopes.write]
            includes = ['read']
            [[servers]]
            id = 'a'
            path = '/a/mcp'
            upstream = 'http://127.0.0.1:1/mcp'
            scopes = ['read']
            [servers.tool_scopes]
            'delete_*' = ['write']
            [[servers]]
            id = 'b'
            path = '/b'
            upstream = 'http://127.0.0.1:1/mcp'
            scopes = ['other']
            [[resources]]
            id = 'c'
            resource = 'https://c.example.com/mcp'
            scopes = ['read', 'more']
            default_scopes = ['read']
            [[resources]]
            id = 'd'
            resource = 'https://d.example.com'
            scopes = ['admin']
            default_scopes = ['write']
        ";
        let config = crate::config::parse("keyward.toml", text, []).expect("a configuration");
        let layout = Layout::new(&config, Some(([127, 0, 0, 1], 4711).into())).expect("a layout");
        let [a, b] = layout.servers.as_slice() else { panic!("two servers") };
        assert_eq!(a.resource.as_str(), "http://127.0.0.1:4711/a/mcp");
        assert_eq!(a.grantable.to_string(), "admin read write");
        assert_eq!((a.required.to_string(), a.defaults.to_string()), ("read".to_owned(), "read".to_owned()));
        assert_eq!(b.grantable.to_string(), "other");
        let [c, d] = layout.resources.as_slice() else { panic!("two resources") };
        let told = |it: &AdmittedResource| (it.grantable.to_string(), it.defaults.to_string());
        assert_eq!(told(c), ("admin more read write".to_owned(), "read".to_owned()));
        assert_eq!(told(d), ("admin write".to_owned(), "write".to_owned()));
    }
}
