//! `POST /revoke` (RFC 7009): a client gives a refresh token or an access token back, and the grant ends with it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, HeaderMap, HeaderValue};
use keyward_core::audit::{Action, AuditResult};
use keyward_core::id::GrantId;
use keyward_core::secret::{PlainToken, TokenKind};
use keyward_storage::grants::{self, EndReason};
use keyward_storage::{StorageError, Topic, refresh_tokens, users};

use crate::access_token;
use crate::audit::About;
use crate::body::Form;
use crate::client_auth::{self, ClientAuthError};
use crate::oauth_error::OauthError;
use crate::parameters::Duplicate;
use crate::state::Issuer;

#[derive(Debug, thiserror::Error)]
pub(crate) enum RevokeError {
    #[error(transparent)]
    Duplicate(#[from] Duplicate),
    #[error("the parameter \"token\" is missing")]
    NoToken,
    #[error(transparent)]
    Client(#[from] ClientAuthError),
    #[error("the token was issued to another client")]
    OtherClient,
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl IntoResponse for RevokeError {
    fn into_response(self) -> Response {
        match self {
            Self::Client(error) => OauthError::from(error).into_response(),
            Self::Duplicate(_) | Self::NoToken => OauthError::new("invalid_request", self.to_string()).into_response(),
            Self::OtherClient => OauthError::new("unauthorized_client", self.to_string()).into_response(),
            Self::Storage(ref cause) => {
                tracing::error!(error = &self as &dyn std::error::Error, "the revocation endpoint failed");
                OauthError::storage(cause).into_response()
            }
        }
    }
}

pub(crate) async fn revoke(
    State(issuer): State<Issuer>,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<Response, RevokeError> {
    parameters.once_each()?;
    let client = client_auth::authenticate(&issuer, &headers, &parameters).await?;
    let token = parameters.get("token").ok_or(RevokeError::NoToken)?;
    // RFC 7009 §2.2: a token that is not known is as good as revoked.
    if let Some(grant_id) = grant_of(&issuer, token).await?
        && let Some(grant) = grants::find(&issuer.db, grant_id).await?
    {
        if grant.client_id != client.client_id {
            return Err(RevokeError::OtherClient);
        }
        end(&issuer, &grant).await?;
    }
    Ok([(CACHE_CONTROL, HeaderValue::from_static("no-store"))].into_response())
}

/// The hint (RFC 7009 §2.1) is not needed: the two kinds cannot be mistaken for one another.
async fn grant_of(issuer: &Issuer, token: &str) -> Result<Option<GrantId>, StorageError> {
    match PlainToken::parse(TokenKind::Refresh, token) {
        Some(refresh_token) => {
            let stored = refresh_tokens::find(&issuer.db, &refresh_token.hash()).await?;
            Ok(stored.map(|stored| stored.grant_id))
        }
        None => Ok(access_token::open(issuer, token).map(|claims| claims.grant_id)),
    }
}

async fn end(issuer: &Issuer, grant: &grants::Grant) -> Result<(), StorageError> {
    let email = users::by_id(&issuer.db, grant.user_id).await?.map(|user| user.email);
    let about = About { email: email.as_deref(), client_id: Some(&grant.client_id), resource: Some(&grant.resource) };
    let event = issuer.event(Action::GrantRevoke, AuditResult::Ok, about, &[("grant_id", grant.id.to_string())]);
    let mut tx = issuer.db.begin("revoke").await?;
    if !grants::end(&mut tx, grant.id, EndReason::Revoked, issuer.clock.now()).await? {
        return Ok(());
    }
    tx.notify(Topic::Revocations).await?;
    issuer.audit.commit(tx, [event]).await?;
    issuer.after_grants_ended().await;
    Ok(())
}

#[cfg(test)]
mod tests;
