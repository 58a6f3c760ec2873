//! The gateway's configuration.

use anyhow::Context;
use keyward_core::scope::Scope;
use keyward_gateway::{AuditMode, CredentialOwner, GatewayConfig, Limits, ServerConfig};
use keyward_outbound::TlsConnector;
use keyward_vault::upstream::{Connections, GrantCredential};

use super::issuers;
use super::layout::{Layout, PlacedServer};
use crate::config::{self, Config, CredentialRule, TextValue};

/// From the file's terms to the room's.
pub(crate) fn config(config: &Config, layout: &Layout, connections: &Connections) -> anyhow::Result<GatewayConfig> {
    let server = &config.server;
    let servers = layout.servers.iter().map(|server| {
        let authorization_servers = issuers::authorization_servers(config, layout, server);
        place(server, authorization_servers, connections)
    });
    Ok(GatewayConfig {
        public_url: layout.public_url.clone(),
        servers: servers.collect::<anyhow::Result<_>>()?,
        default_server: server.default_server.as_ref().map(|id| id.0.clone()),
        allowed_origins: server.allowed_origins.iter().map(|origin| origin.0.to_text()).collect(),
        allowed_hosts: server.allowed_hosts.iter().map(|host| host.0.to_text()).collect(),
        loopback: server.listen.0.ip().is_loopback(),
        audit_mode: match config.audit.mode {
            config::AuditMode::FailOpen => AuditMode::FailOpen,
            config::AuditMode::FailClosed => AuditMode::FailClosed,
        },
        limits: Limits {
            max_body_bytes: server.max_body_bytes.0.0,
            connect_timeout: server.upstream_connect_timeout.0.0,
            response_timeout: server.upstream_response_timeout.0.0,
            ..Limits::default()
        },
        tls: TlsConnector::system(),
    })
}

fn place(
    server: &PlacedServer,
    authorization_servers: Vec<String>,
    connections: &Connections,
) -> anyhow::Result<ServerConfig> {
    let scopes = |needed: &[config::Text<Scope>]| needed.iter().map(|scope| scope.0.clone()).collect();
    let config = &server.config;
    let named = || format!("the credential of server {}", config.id.0);
    let rule = config.credential.as_ref().map(|credential| credential.rule().with_context(named)).transpose()?;
    let (credential, connection) = match rule {
        None => (None, None),
        Some(CredentialRule::Token(spec)) => (Some(spec), None),
        Some(CredentialRule::Grant(rule)) => {
            (None, Some(GrantCredential::new(connections.clone(), rule).with_context(named)?))
        }
    };
    let owner = config.credential.as_ref().map_or_else(Default::default, |credential| credential.owner);
    Ok(ServerConfig {
        id: config.id.0.clone(),
        name: config.name.clone(),
        path: config.path.0.to_text(),
        upstream: config.upstream.0.0.clone(),
        authorization_servers,
        scopes: server.required.clone(),
        // The least that is of use (MCP authorization, "Scope Selection Strategy"): clients ask for all that they see here, and
        // are told of more when a tool needs it.
        scopes_supported: server.required.union(&server.defaults),
        tool_scopes: config.tool_scopes.iter().map(|(pattern, needed)| (pattern.clone(), scopes(needed))).collect(),
        credential,
        connection,
        credential_owner: match owner {
            config::CredentialOwner::Shared => CredentialOwner::Shared,
            config::CredentialOwner::User => CredentialOwner::User,
            config::CredentialOwner::UserOrShared => CredentialOwner::UserOrShared,
        },
    })
}
