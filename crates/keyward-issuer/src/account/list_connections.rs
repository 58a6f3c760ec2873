//! What a person has connected: the live grants, each with its client and server in words.

use keyward_core::id::UserId;
use keyward_storage::StorageError;
use keyward_storage::clients;
use keyward_storage::clients::ClientKind;
use keyward_storage::grants::{self, Grant};
use url::Url;

use crate::state::Issuer;

/// One client that may act for a person at one server.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The grant.
    pub grant: Grant,
    /// What the client calls itself; its id where it has no name.
    pub client_name: String,
    /// The host that vouches for the client, where it is known by its metadata document.
    pub client_host: Option<String>,
    /// What the configuration calls the server or resource; its address where it is no longer configured.
    pub server_name: String,
    /// For how long, in words, its last access token may go on working after it has ended; `None` where that ends with it.
    pub outlives: Option<String>,
}

impl Issuer {
    /// The connections of a person, the newest first.
    pub async fn list_connections(&self, user: UserId) -> Result<Vec<Connection>, StorageError> {
        let mut connections = Vec::new();
        for grant in grants::list_live(&self.db, user).await? {
            let client = clients::find(&self.db, &grant.client_id).await?;
            let is_document = client.as_ref().is_some_and(|client| client.kind == ClientKind::MetadataDocument);
            let host = Url::parse(&grant.client_id).ok().and_then(|url| url.host_str().map(str::to_owned));
            connections.push(Connection {
                client_name: client.and_then(|client| client.name).unwrap_or_else(|| grant.client_id.clone()),
                client_host: host.filter(|_| is_document),
                server_name: self
                    .config
                    .protected_resource(&grant.resource)
                    .map_or_else(|| grant.resource.clone(), |server| server.name.clone()),
                outlives: self.config.outlives_its_grant(&grant.resource),
                grant,
            });
        }
        Ok(connections)
    }
}
