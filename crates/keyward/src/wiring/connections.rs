//! The connections: providers by preset, issuer, resource or endpoints, and the secrets of our clients there.

use std::sync::Arc;

use keyward_core::id::ConnectionId;
use keyward_outbound::TlsConnector;
use keyward_vault::upstream::config::{ConnectionConfig, ConnectionsConfig, ProviderConfig};
use keyward_vault::upstream::{AuthMethod, ConfiguredClient, Connections};
use url::Url;

use super::broker;
use super::cabinet::Cabinet;
use super::layout::Layout;
use super::secret;
use crate::config::{self, Connection, Loaded, Preset, SecretPlace, TextValue};

/// Opens them over the cabinet; for each secret that cannot be read, says which.
pub(crate) fn open(loaded: &Loaded, layout: &Layout, cabinet: &Cabinet) -> anyhow::Result<Connections> {
    let connections = loaded.config.connections.iter().map(|connection| place(loaded, layout, connection));
    let mut connections: Vec<ConnectionConfig> = connections.collect::<anyhow::Result<_>>()?;
    connections.extend(broker::connection(loaded, layout)?);
    let config = ConnectionsConfig { public_url: layout.public_url.clone(), connections };
    let Cabinet { clock, random, database, audit, vault } = cabinet;
    Ok(Connections::open(
        config,
        database.clone(),
        vault.clone(),
        audit.clone(),
        clock.clone(),
        random.clone(),
        &TlsConnector::system(),
    ))
}

fn place(loaded: &Loaded, layout: &Layout, connection: &Connection) -> anyhow::Result<ConnectionConfig> {
    let id = connection.id.0.clone();
    let mut parameters: Vec<(String, String)> = connection.authorization_parameters.clone().into_iter().collect();
    if connection.preset == Some(Preset::Google) {
        // Without both, Google gives a refresh token at the very first time only.
        for (name, value) in [("access_type", "offline"), ("prompt", "consent")] {
            if !connection.authorization_parameters.contains_key(name) {
                parameters.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    let preset_name = match connection.preset {
        Some(Preset::Github) => Some("GitHub"),
        Some(Preset::Google) => Some("Google"),
        None => None,
    };
    let name = connection.name.as_deref().or(preset_name).unwrap_or(id.as_str()).to_owned();
    Ok(ConnectionConfig {
        name,
        used_by: used_by(layout, &id),
        provider: provider(connection)?,
        client: client(loaded, connection)?,
        scopes: connection.scopes.iter().map(|scope| scope.0.clone()).collect(),
        parameters,
        allow_private_addresses: connection.allow_private_addresses,
        id,
    })
}

fn provider(connection: &Connection) -> anyhow::Result<ProviderConfig> {
    let url = |url: &config::Text<config::UpstreamUrl>| url.0.0.clone();
    if let (Some(authorization), Some(token)) = (&connection.authorization_endpoint, &connection.token_endpoint) {
        return Ok(ProviderConfig::Endpoints {
            issuer: connection.issuer.as_ref().map(|issuer| issuer.0.to_text()),
            authorization_endpoint: url(authorization),
            token_endpoint: url(token),
            revocation_endpoint: connection.revocation_endpoint.as_ref().map(url),
        });
    }
    match (connection.preset, &connection.issuer, &connection.resource) {
        (Some(Preset::Github), ..) => github(),
        (Some(Preset::Google), ..) => Ok(ProviderConfig::Issuer("https://accounts.google.com".to_owned())),
        (None, issuer, Some(resource)) => Ok(ProviderConfig::Resource {
            resource: url(resource),
            issuer: issuer.as_ref().map(|issuer| issuer.0.to_text()),
        }),
        (None, Some(issuer), None) => Ok(ProviderConfig::Issuer(issuer.0.to_text())),
        (None, None, None) => anyhow::bail!("connection {}: no provider", connection.id.0),
    }
}

fn client(loaded: &Loaded, connection: &Connection) -> anyhow::Result<Option<ConfiguredClient>> {
    let Some(client_id) = connection.client_id.clone() else { return Ok(None) };
    let named = NamedClient {
        of: &format!("connection {}", connection.id.0),
        client_id,
        secret: connection.client_secret.as_ref().map(|place| &place.0),
        method: connection.token_endpoint_auth_method,
        is_github: connection.preset == Some(Preset::Github),
    };
    named.read(loaded).map(Some)
}

/// A client of ours at a provider, as the configuration names it.
pub(super) struct NamedClient<'a> {
    /// Where in the configuration.
    pub(super) of: &'a str,
    pub(super) client_id: String,
    pub(super) secret: Option<&'a SecretPlace>,
    pub(super) method: Option<config::AuthMethod>,
    pub(super) is_github: bool,
}

impl NamedClient<'_> {
    /// With its secret.
    pub(super) fn read(self, loaded: &Loaded) -> anyhow::Result<ConfiguredClient> {
        let named = format!("{}: client_secret", self.of);
        let secret = self.secret.map(|place| secret::read(loaded, place, &named)).transpose()?;
        let auth_method = match self.method {
            Some(config::AuthMethod::ClientSecretBasic) => Some(AuthMethod::Basic),
            Some(config::AuthMethod::ClientSecretPost) => Some(AuthMethod::Post),
            Some(config::AuthMethod::None) => Some(AuthMethod::None),
            // What GitHub documents.
            None if self.is_github && secret.is_some() => Some(AuthMethod::Post),
            None => None,
        };
        Ok(ConfiguredClient { client_id: self.client_id, secret: secret.map(Arc::new), auth_method })
    }
}

/// What servers of the configuration use a connection, as people call them.
pub(super) fn used_by(layout: &Layout, id: &ConnectionId) -> Vec<String> {
    let uses = |server: &&super::layout::PlacedServer| {
        let credential = server.config.credential.as_ref();
        credential.and_then(|credential| credential.connection.as_ref()).is_some_and(|named| named.0 == *id)
    };
    let names = layout.servers.iter().filter(uses);
    names.map(|it| it.config.name.clone().unwrap_or_else(|| it.config.id.0.to_string())).collect()
}

/// GitHub, which has no metadata.
pub(super) fn github() -> anyhow::Result<ProviderConfig> {
    Ok(ProviderConfig::Endpoints {
        issuer: None,
        authorization_endpoint: Url::parse("https://github.com/login/oauth/authorize")?,
        token_endpoint: Url::parse("https://github.com/login/oauth/access_token")?,
        revocation_endpoint: None,
    })
}
