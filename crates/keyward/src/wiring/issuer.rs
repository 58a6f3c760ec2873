//! The authorization server's configuration.

use keyward_issuer::config::{IssuerConfig, Lifetimes, ProtectedResource, Registration};

use super::layout::Layout;
use crate::config::{self, Config};

/// From the file's terms to the room's.
pub(crate) fn config(config: &Config, layout: &Layout) -> anyhow::Result<IssuerConfig> {
    let servers = layout.servers.iter().map(|server| ProtectedResource {
        id: server.config.id.0.clone(),
        name: server.config.name.clone().unwrap_or_else(|| server.config.id.0.to_string()),
        resource: server.resource.clone(),
        scopes: server.grantable.clone(),
        default_scopes: server.defaults.clone(),
    });
    let mut issuer = IssuerConfig::new(layout.public_url.clone(), servers.collect());
    let resources = layout.resources.iter().map(|resource| ProtectedResource {
        id: resource.config.id.0.clone(),
        name: resource.config.name.clone().unwrap_or_else(|| resource.config.id.0.to_string()),
        resource: resource.config.resource.0.clone(),
        scopes: resource.grantable.clone(),
        default_scopes: resource.defaults.clone(),
    });
    issuer.resources = resources.collect();
    let section = &config.issuer;
    issuer.default_server = config.server.default_server.as_ref().map(|id| id.0.clone());
    for (name, meaning) in &config.scopes {
        if let Some(description) = &meaning.description {
            issuer.scope_descriptions.insert(name.parse()?, description.clone());
        }
    }
    if !config.serves_authorization_server() {
        issuer.elsewhere = config.issuers().map(|issuer| issuer.name()).collect();
    }
    issuer.hierarchy = layout.hierarchy.clone();
    issuer.lifetimes = Lifetimes {
        access_token: section.access_token_lifetime.0.0,
        refresh_token: section.refresh_token_lifetime.0.0,
        grant: Some(section.grant_lifetime.0.0),
        code: section.code_lifetime.0.0,
        refresh_grace: section.refresh_grace.0.0,
        session: section.session_lifetime.0.0,
        session_idle: section.session_idle_lifetime.0.0,
        ..Lifetimes::default()
    };
    issuer.registration = match section.registration {
        config::Registration::Open => Registration::Open,
        config::Registration::Closed => Registration::Closed,
    };
    issuer.client_metadata_documents = section.client_metadata_documents;
    issuer.allow_private_client_metadata = section.allow_private_client_metadata;
    Ok(issuer)
}
