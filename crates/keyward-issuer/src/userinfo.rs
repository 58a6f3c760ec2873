//! `/userinfo` (OpenID Connect Core §5.3): who the person is, for an access token that was granted `openid`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use keyward_core::scope::ScopeSet;
use keyward_storage::{StorageError, grants, users};
use serde::Serialize;

use crate::access_token;
use crate::oauth_error::OauthError;
use crate::scope;
use crate::state::Issuer;

#[derive(Debug, thiserror::Error)]
pub(crate) enum UserinfoError {
    #[error("an access token is needed, as Authorization: Bearer")]
    NoToken,
    #[error("the access token is unknown, ended or revoked")]
    InvalidToken,
    #[error("the access token was not granted openid")]
    InsufficientScope,
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl IntoResponse for UserinfoError {
    fn into_response(self) -> Response {
        let (status, code, challenge) = match &self {
            // RFC 6750 §3.1: no error code while no token was sent.
            Self::NoToken => (StatusCode::UNAUTHORIZED, "invalid_request", "Bearer"),
            Self::InvalidToken => (StatusCode::UNAUTHORIZED, "invalid_token", "Bearer error=\"invalid_token\""),
            Self::InsufficientScope => {
                (StatusCode::FORBIDDEN, "insufficient_scope", "Bearer error=\"insufficient_scope\", scope=\"openid\"")
            }
            Self::Storage(cause) => {
                tracing::error!(error = &self as &dyn std::error::Error, "the userinfo endpoint failed");
                return OauthError::storage(cause).into_response();
            }
        };
        let challenge = HeaderValue::from_static(challenge);
        OauthError::new(code, self.to_string()).status(status).header(WWW_AUTHENTICATE, challenge).into_response()
    }
}

#[derive(Serialize)]
struct Userinfo {
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

pub(crate) async fn userinfo(State(issuer): State<Issuer>, headers: HeaderMap) -> Result<Response, UserinfoError> {
    let token = bearer(&headers).ok_or(UserinfoError::NoToken)?;
    let claims = access_token::open(&issuer, token).ok_or(UserinfoError::InvalidToken)?;
    if claims.exp <= issuer.clock.now().as_seconds() {
        return Err(UserinfoError::InvalidToken);
    }
    let grant = grants::find(&issuer.db, claims.grant_id).await?.filter(|grant| grant.ended_at.is_none());
    let grant = grant.ok_or(UserinfoError::InvalidToken)?;
    let user = users::by_id(&issuer.db, grant.user_id).await?.filter(|user| user.disabled_at.is_none());
    let user = user.ok_or(UserinfoError::InvalidToken)?;
    let granted: ScopeSet = claims.scope.parse().map_err(|_| UserinfoError::InvalidToken)?;
    if !granted.contains(scope::OPENID) {
        return Err(UserinfoError::InsufficientScope);
    }
    let email = granted.contains(scope::EMAIL).then_some(user.email);
    let no_store = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((no_store, Json(Userinfo { sub: user.id.to_string(), email })).into_response())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests;
