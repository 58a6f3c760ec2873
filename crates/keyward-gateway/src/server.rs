//! A server of the configuration, with all that can be worked out beforehand.

use keyward_core::id::ServerId;
use keyward_core::resource::ResourceUri;
use keyward_resource::{ProtectedResource, ProtectedResourceConfig};
use keyward_vault::CredentialSpec;
use keyward_vault::upstream::GrantCredential;

use crate::config::{ConfigError, CredentialOwner, ServerConfig};
use crate::counts::CallCounters;
use crate::mcp::ToolRules;
use crate::route;
use crate::upstream::Upstream;

/// A server behind the gateway.
#[derive(Debug)]
pub(crate) struct Server {
    id: ServerId,
    resource: ProtectedResource,
    tools: ToolRules,
    credential: Option<CredentialSpec>,
    credential_owner: CredentialOwner,
    connection: Option<GrantCredential>,
    upstream: Upstream,
    calls: CallCounters,
}

impl Server {
    pub(crate) fn new(public_url: &str, config: ServerConfig) -> Result<Self, ConfigError> {
        let id = config.id;
        if !route::is_plain(&config.path) {
            return Err(ConfigError::Path { id, path: config.path });
        }
        let resource = ResourceUri::parse(&format!("{public_url}{}", config.path));
        let resource = resource.map_err(|cause| ConfigError::Resource { id: id.clone(), cause })?;
        Ok(Self {
            upstream: Upstream::new(&config.upstream).ok_or_else(|| ConfigError::Upstream { id: id.clone() })?,
            resource: ProtectedResource::new(ProtectedResourceConfig {
                name: config.name,
                scopes: config.scopes,
                scopes_supported: config.scopes_supported,
                authorization_servers: config.authorization_servers,
                ..ProtectedResourceConfig::of(resource)
            }),
            tools: ToolRules::new(config.tool_scopes),
            credential: config.credential,
            credential_owner: config.credential_owner,
            connection: config.connection,
            calls: CallCounters::default(),
            id,
        })
    }

    pub(crate) fn id(&self) -> &ServerId {
        &self.id
    }

    pub(crate) fn resource(&self) -> &ProtectedResource {
        &self.resource
    }

    /// Where clients find it.
    pub(crate) fn path(&self) -> &str {
        self.resource.resource().path()
    }

    pub(crate) fn tools(&self) -> &ToolRules {
        &self.tools
    }

    pub(crate) fn credential(&self) -> Option<&CredentialSpec> {
        self.credential.as_ref()
    }

    pub(crate) fn credential_owner(&self) -> CredentialOwner {
        self.credential_owner
    }

    pub(crate) fn connection(&self) -> Option<&GrantCredential> {
        self.connection.as_ref()
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// How its calls ended.
    pub(crate) fn calls(&self) -> &CallCounters {
        &self.calls
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use url::Url;

    use super::*;

    /// A server without rules.
    pub(crate) fn server(id: &str, path: &str) -> Server {
        let url = |text| Url::parse(text).expect("a URL");
        let config = ServerConfig {
            id: id.parse().expect("an id"),
            name: None,
            path: path.to_owned(),
            upstream: url("http://127.0.0.1:9/mcp"),
            authorization_servers: vec!["https://kw.example".to_owned()],
            scopes: "coda:read".parse().expect("scopes"),
            scopes_supported: "coda:read".parse().expect("scopes"),
            tool_scopes: Vec::new(),
            credential: None,
            connection: None,
            credential_owner: CredentialOwner::Shared,
        };
        Server::new("https://kw.example", config).expect("a server")
    }
}
