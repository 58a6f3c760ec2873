//! `POST /register` (RFC 7591 §3).

use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use keyward_core::audit::{Action, AuditResult};
use keyward_core::clock::Timestamp;
use keyward_core::peer::ClientAddress;
use keyward_core::random::RandomFailed;
use keyward_core::secret::{PlainToken, TokenKind};
use keyward_storage::clients::{self, ClientKind, StoredClient};
use keyward_storage::{StorageError, Topic};
use serde_json::{Map, Value, json};

use super::metadata::{AuthMethod, Metadata, MetadataError, Source, UnverifiedMetadata};
use super::room;
use crate::audit::About;
use crate::body::JsonBytes;
use crate::config::Registration;
use crate::oauth_error::OauthError;
use crate::state::Issuer;

#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    #[error("clients are added by an administrator here")]
    Closed,
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error("too many registrations; try again later")]
    TooMany { retry_after_seconds: u64 },
    #[error(transparent)]
    Random(#[from] RandomFailed),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl IntoResponse for RegisterError {
    fn into_response(self) -> Response {
        match &self {
            Self::Closed => {
                OauthError::new("access_denied", self.to_string()).status(StatusCode::FORBIDDEN).into_response()
            }
            Self::Metadata(error) => OauthError::new(error.code(), error.to_string()).into_response(),
            Self::TooMany { retry_after_seconds } => OauthError::new("temporarily_unavailable", self.to_string())
                .status(StatusCode::TOO_MANY_REQUESTS)
                .header(RETRY_AFTER, HeaderValue::from(*retry_after_seconds))
                .into_response(),
            Self::Random(_) => {
                tracing::error!(error = &self as &dyn std::error::Error, "the registration endpoint failed");
                OauthError::server_error().into_response()
            }
            Self::Storage(cause) => {
                tracing::error!(error = &self as &dyn std::error::Error, "the registration endpoint failed");
                OauthError::storage(cause).into_response()
            }
        }
    }
}

pub(crate) async fn register(
    State(issuer): State<Issuer>,
    address: Option<Extension<ClientAddress>>,
    JsonBytes(body): JsonBytes,
) -> Result<Response, RegisterError> {
    if issuer.config.registration == Registration::Closed {
        return Err(RegisterError::Closed);
    }
    let now = issuer.clock.now();
    let metadata = UnverifiedMetadata::parse(&body)?.verify(Source::Registration)?;
    let address = address.map(|Extension(address)| address.network());
    issuer
        .registrations
        .take(address, now)
        .map_err(|wait| RegisterError::TooMany { retry_after_seconds: wait.as_secs() + 1 })?;
    if !room::make(&issuer, now).await? {
        return Err(RegisterError::TooMany { retry_after_seconds: room::MADE_AFTER.as_secs() });
    }
    let registered = store(&issuer, &metadata, now).await?;
    let no_store = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, no_store, Json(registered.answer(&metadata))).into_response())
}

struct Registered {
    client_id: String,
    created_at: Timestamp,
    secret: Option<PlainToken>,
}

/// Clients without a secret that say the same of themselves are the same client: some register at each start.
async fn store(issuer: &Issuer, metadata: &Metadata, now: Timestamp) -> Result<Registered, RegisterError> {
    let content = content(metadata);
    let public = metadata.auth_method == AuthMethod::None;
    let secret = if public { None } else { Some(PlainToken::generate(TokenKind::ClientSecret, &issuer.random)?) };
    let registration_hash = public.then(|| digest(&SHA256, content.to_string().as_bytes()).as_ref().to_vec());
    let client = StoredClient {
        client_id: keyward_core::id::uuid_v7(now, &issuer.random)?.to_string(),
        kind: ClientKind::Dynamic,
        name: metadata.name.clone(),
        redirect_uris: metadata.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
        grant_types: metadata.grant_types.clone(),
        response_types: vec!["code".to_owned()],
        token_endpoint_auth_method: metadata.auth_method.as_str().to_owned(),
        secret_hash: secret.as_ref().map(PlainToken::hash),
        registration_hash,
        application_type: Some(metadata.application_type.to_owned()),
        metadata: content.to_string(),
        document_fetched_at: None,
        created_at: now,
        last_used_at: None,
        revoked_at: None,
    };
    let mut tx = issuer.db.begin("register_client").await?;
    if let Some(hash) = &client.registration_hash {
        tx.lock("register_client").await?;
        if let Some((client_id, created_at)) = clients::find_registration(&mut tx, hash).await? {
            return Ok(Registered { client_id, created_at, secret: None });
        }
    }
    clients::put(&mut tx, &client).await?;
    tx.notify(Topic::Clients).await?;
    let name = client.name.unwrap_or_default();
    let about = About { client_id: Some(&client.client_id), ..About::default() };
    let event = issuer.event(Action::ClientRegister, AuditResult::Ok, about, &[("client_name", name)]);
    issuer.audit.commit(tx, [event]).await?;
    Ok(Registered { client_id: client.client_id, created_at: now, secret })
}

/// The metadata as registered (RFC 7591 §3.2.1).
fn content(metadata: &Metadata) -> Value {
    let mut content = Map::new();
    let redirect_uris: Vec<_> = metadata.redirect_uris.iter().map(|uri| uri.as_str()).collect();
    content.insert("redirect_uris".to_owned(), json!(redirect_uris));
    content.insert("token_endpoint_auth_method".to_owned(), json!(metadata.auth_method.as_str()));
    content.insert("grant_types".to_owned(), json!(metadata.grant_types));
    content.insert("response_types".to_owned(), json!(["code"]));
    content.insert("application_type".to_owned(), json!(metadata.application_type));
    if let Some(name) = &metadata.name {
        content.insert("client_name".to_owned(), json!(name));
    }
    if let Some(scope) = &metadata.scope {
        content.insert("scope".to_owned(), json!(scope.to_string()));
    }
    content.extend(metadata.links.clone());
    Value::Object(content)
}

impl Registered {
    fn answer(&self, metadata: &Metadata) -> Value {
        let mut answer = content(metadata);
        answer["client_id"] = json!(self.client_id);
        answer["client_id_issued_at"] = json!(self.created_at.as_seconds());
        if let Some(secret) = &self.secret {
            answer["client_secret"] = json!(secret.expose_secret());
            answer["client_secret_expires_at"] = json!(0);
        }
        if !metadata.notes.is_empty() {
            answer["keyward_notes"] = json!(metadata.notes);
        }
        answer
    }
}
