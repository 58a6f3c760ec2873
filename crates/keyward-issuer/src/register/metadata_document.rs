//! Clients whose id is the URL of a document about them (OAuth Client ID Metadata Document, an IETF draft).
//!
//! Whoever is asked to authorize names the URL, so fetching is guarded: only https to public addresses, no redirect,
//! a small body, a short deadline, few at once, and a failure is remembered for a while.

mod fetch;
mod pinned;

use keyward_core::audit::{Action, AuditResult};
use keyward_core::clock::Timestamp;
use keyward_outbound::OutboundError;
use keyward_storage::clients::{self, ClientKind, StoredClient};
use keyward_storage::{StorageError, Topic};
use serde::{Deserialize, Serialize};
use url::Url;

use super::metadata::{Metadata, MetadataError};
use super::room;
use crate::audit::About;
use crate::client::{Authentication, Client, FindError, Origin};
use crate::config::IssuerConfig;
use crate::redirect_uri::RedirectUri;
use crate::state::Issuer;
pub(crate) use fetch::ClientDocuments;
use fetch::Fetched;

/// For how long a pinned copy stands in before the document is asked for again.
const PINNED_FOR_SECONDS: u64 = 5 * 60;

/// A client id that is the URL of a document: https, a path, spelled in the one way that it can be (draft §3).
#[derive(Debug)]
pub(crate) struct DocumentUrl {
    text: String,
    url: Url,
}

/// How old a copy of the document may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Not older than the document's server said.
    Fresh,
    /// As old as it is; nothing is fetched.
    Stored,
}

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentError {
    #[error("it could not be fetched")]
    Fetch(#[from] OutboundError),
    #[error("its server answered with status {0}")]
    Status(u16),
    #[error("it is not served as JSON")]
    NotJson,
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error("its client_id is not the URL that it was fetched from")]
    OtherClientId,
    #[error("it contains a client_secret, which a public document cannot")]
    HasSecret,
    #[error("it could not be used a moment ago; try again in a minute")]
    FailedLately,
    #[error("too many documents are being fetched")]
    Busy,
    #[error("too many new clients have come lately; try again in a minute")]
    TooManyNew,
}

impl DocumentUrl {
    /// `None` for ids of another kind, and for all URLs where these documents are switched off.
    pub(crate) fn parse(config: &IssuerConfig, client_id: &str) -> Option<Self> {
        let url = Url::parse(client_id).ok().filter(|_| config.client_metadata_documents)?;
        let scheme = url.scheme() == "https" || (url.scheme() == "http" && config.allow_private_client_metadata);
        let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        // Parsing removes dot segments and folds case: only an id that is its own normal form is compared as a text.
        let normal = url.as_str() == client_id && client_id.len() <= 2048;
        (scheme && bare && normal && url.path() != "/").then(|| Self { text: client_id.to_owned(), url })
    }

    fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }
}

/// What a row keeps beside the columns that all clients have.
#[derive(Serialize, Deserialize)]
struct Copy {
    fresh_for_seconds: u64,
    pinned: bool,
}

/// The client that a document describes; `None` when an administrator removed it, or when nothing may be fetched and no
/// copy is there.
pub(crate) async fn find(
    issuer: &Issuer,
    url: &DocumentUrl,
    freshness: Freshness,
) -> Result<Option<Client>, FindError> {
    let stored = clients::find(&issuer.db, &url.text).await?;
    if stored.as_ref().is_some_and(|stored| stored.revoked_at.is_some()) {
        return Ok(None);
    }
    let now = issuer.clock.now();
    match (stored, freshness) {
        (Some(stored), Freshness::Stored) => from_stored(url, &stored).map(Some),
        (None, Freshness::Stored) => Ok(None),
        (Some(stored), Freshness::Fresh) if is_fresh(&stored, now) => from_stored(url, &stored).map(Some),
        (stored, Freshness::Fresh) => match issuer.client_documents.fetch(&url.text, &url.url, now).await {
            Ok(_) if stored.is_none() && !may_come(issuer, now).await? => {
                fall_back(issuer, url, stored, DocumentError::TooManyNew, now).await.map(Some)
            }
            Ok(fetched) => keep(issuer, url, fetched, stored.is_none(), now).await.map(Some),
            Err(error) => fall_back(issuer, url, stored, error, now).await.map(Some),
        },
    }
}

/// Whether a client that was not known may be kept: anybody can name a document, and a host has as many as it likes.
async fn may_come(issuer: &Issuer, now: Timestamp) -> Result<bool, StorageError> {
    Ok(issuer.client_documents.admit_new(now) && room::make(issuer, now).await?)
}

/// A copy outlives its freshness when fetching fails; where there is none, the copy that comes with Keyward is used.
async fn fall_back(
    issuer: &Issuer,
    url: &DocumentUrl,
    stored: Option<StoredClient>,
    error: DocumentError,
    now: Timestamp,
) -> Result<Client, FindError> {
    tracing::warn!(
        error = &error as &dyn std::error::Error,
        client_id = url.text,
        "a client's metadata document cannot be used"
    );
    match (stored, pinned::find(&url.text)) {
        (Some(stored), _) => from_stored(url, &stored),
        (None, Some(metadata)) => {
            let copy = Fetched { metadata, fresh_for_seconds: PINNED_FOR_SECONDS, pinned: true };
            keep(issuer, url, copy, true, now).await
        }
        (None, None) => Err(error.into()),
    }
}

fn is_fresh(stored: &StoredClient, now: Timestamp) -> bool {
    let copy: Option<Copy> = serde_json::from_str(&stored.metadata).ok();
    stored.document_fetched_at.zip(copy).is_some_and(|(at, copy)| now.since(at).as_secs() < copy.fresh_for_seconds)
}

async fn keep(
    issuer: &Issuer,
    url: &DocumentUrl,
    fetched: Fetched,
    is_new: bool,
    now: Timestamp,
) -> Result<Client, FindError> {
    let copy = Copy { fresh_for_seconds: fetched.fresh_for_seconds, pinned: fetched.pinned };
    let stored = to_stored(url, fetched.metadata, &copy, now)?;
    let mut tx = issuer.db.begin("keep_client_document").await?;
    clients::put(&mut tx, &stored).await?;
    tx.notify(Topic::Clients).await?;
    let detail = [("client_name", stored.name.clone().unwrap_or_default()), ("how", "metadata_document".to_owned())];
    let about = About { client_id: Some(&url.text), ..About::default() };
    let event = issuer.event(Action::ClientRegister, AuditResult::Ok, about, &detail);
    issuer.audit.commit(tx, is_new.then_some(event)).await?;
    from_stored(url, &stored)
}

fn to_stored(url: &DocumentUrl, metadata: Metadata, copy: &Copy, now: Timestamp) -> Result<StoredClient, StorageError> {
    Ok(StoredClient {
        client_id: url.text.clone(),
        kind: ClientKind::MetadataDocument,
        name: metadata.name,
        redirect_uris: metadata.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
        grant_types: metadata.grant_types,
        response_types: vec!["code".to_owned()],
        token_endpoint_auth_method: metadata.auth_method.as_str().to_owned(),
        secret_hash: None,
        registration_hash: None,
        application_type: Some(metadata.application_type.to_owned()),
        metadata: serde_json::to_string(copy).map_err(|_| StorageError::Inconsistent { what: "clients.metadata" })?,
        document_fetched_at: Some(now),
        created_at: now,
        last_used_at: None,
        revoked_at: None,
    })
}

fn from_stored(url: &DocumentUrl, stored: &StoredClient) -> Result<Client, FindError> {
    let inconsistent = || FindError::Inconsistent(stored.client_id.clone());
    let copy: Copy = serde_json::from_str(&stored.metadata).map_err(|_| inconsistent())?;
    let redirect_uris: Result<_, _> = stored.redirect_uris.iter().map(|text| RedirectUri::parse(text)).collect();
    Ok(Client {
        client_id: stored.client_id.clone(),
        name: stored.name.clone(),
        redirect_uris: redirect_uris.map_err(|_| inconsistent())?,
        authentication: Authentication::None,
        origin: Origin::Document { host: url.host(), pinned: copy.pinned },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_normal_form_of_an_https_url_with_a_path_is_one() {
        let config = IssuerConfig::new("https://mcp.example.com", Vec::new());
        let is_one = |id: &str| DocumentUrl::parse(&config, id).is_some();
        assert!(is_one("https://claude.ai/oauth/claude-code-client-metadata"));
        assert!(is_one("https://a.example:8443/client.json?v=1"));
        for other in [
            "https://a.example",
            "https://a.example/",
            "http://a.example/client.json",
            "https://a.example/x/../client.json",
            "https://A.example/client.json",
            "https://a.example:443/client.json",
            "https://u@a.example/client.json",
            "https://a.example/client.json#f",
            "0198c7b4-0000-7000-8000-000000000000",
        ] {
            assert!(!is_one(other), "{other}");
        }
        let off = IssuerConfig { client_metadata_documents: false, ..config };
        assert!(DocumentUrl::parse(&off, "https://a.example/client.json").is_none());
    }
}
