//! A client as the endpoints see it, wherever it is kept: registered, added by an administrator, or identified by the
//! URL of its metadata document.

mod add;
mod list;
mod revoke;

use keyward_core::secret::TokenHash;
use keyward_storage::StorageError;
use keyward_storage::clients::{self, ClientKind, StoredClient};

use crate::redirect_uri::RedirectUri;
use crate::register::metadata_document::{self, DocumentError, DocumentUrl, Freshness};
use crate::state::Issuer;

pub use add::{AddClientError, AddedClient, NewClient};

/// A client that exists and may be served.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) client_id: String,
    pub(crate) name: Option<String>,
    pub(crate) redirect_uris: Vec<RedirectUri>,
    pub(crate) authentication: Authentication,
    pub(crate) origin: Origin,
}

/// How a client proves at the token endpoint that it is itself (RFC 6749 §2.1, §2.3).
#[derive(Debug)]
pub(crate) enum Authentication {
    /// A public client.
    None,
    /// A confidential client, by its secret.
    Secret(TokenHash),
}

/// Who says what the client is called.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The client itself, when it registered; nobody has checked it.
    Registered,
    /// An administrator.
    Administrator,
    /// A document at a host that is thereby known.
    Document {
        /// The host.
        host: String,
        /// Whether the copy that comes with Keyward stands in for the document, which could not be fetched.
        pinned: bool,
    },
}

/// Why a client could not be looked up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FindError {
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("the stored client {0} is not what was written")]
    Inconsistent(String),
}

/// The client of this id; `None` when there is none or it was removed.
pub(crate) async fn find(issuer: &Issuer, client_id: &str, freshness: Freshness) -> Result<Option<Client>, FindError> {
    // No id has a NUL, and the databases take none.
    if client_id.contains('\0') {
        return Ok(None);
    }
    if let Some(url) = DocumentUrl::parse(&issuer.config, client_id) {
        return metadata_document::find(issuer, &url, freshness).await;
    }
    let stored = clients::find(&issuer.db, client_id).await?;
    let stored = stored.filter(|stored| stored.revoked_at.is_none() && stored.kind != ClientKind::MetadataDocument);
    stored.map(from_stored).transpose()
}

fn from_stored(stored: StoredClient) -> Result<Client, FindError> {
    let inconsistent = || FindError::Inconsistent(stored.client_id.clone());
    let redirect_uris: Result<_, _> = stored.redirect_uris.iter().map(|text| RedirectUri::parse(text)).collect();
    let authentication = match (stored.token_endpoint_auth_method.as_str(), &stored.secret_hash) {
        ("none", _) => Authentication::None,
        (_, Some(hash)) => Authentication::Secret(*hash),
        (_, None) => return Err(inconsistent()),
    };
    Ok(Client {
        redirect_uris: redirect_uris.map_err(|_| inconsistent())?,
        authentication,
        origin: match stored.kind {
            ClientKind::Static => Origin::Administrator,
            ClientKind::Dynamic | ClientKind::MetadataDocument => Origin::Registered,
        },
        client_id: stored.client_id,
        name: stored.name,
    })
}

#[cfg(test)]
mod tests;
