//! The answer that carries tokens (RFC 6749 §5.1).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, HeaderValue};
use keyward_core::clock::Timestamp;
use keyward_core::scope::ScopeSet;
use keyward_core::secret::PlainToken;
use keyward_storage::grants::Grant;
use serde::Serialize;

use super::error::TokenError;
use crate::access_token;
use crate::state::Issuer;

#[derive(Serialize)]
struct TokenResponse<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    refresh_token: &'a str,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
}

/// What goes into one answer beside the access token.
pub(super) struct Issued<'a> {
    pub(super) grant: &'a Grant,
    pub(super) scope: &'a ScopeSet,
    pub(super) email: &'a str,
    pub(super) refresh_token: &'a PlainToken,
    pub(super) id_token: Option<&'a str>,
}

/// Makes the access token and the answer.
pub(super) fn answer(issuer: &Issuer, issued: &Issued<'_>, now: Timestamp) -> Result<Response, TokenError> {
    let access_token = access_token::mint(issuer, issued.grant, issued.scope, issued.email, now)?;
    let body = TokenResponse {
        access_token: &access_token,
        token_type: "Bearer",
        expires_in: issuer.config.lifetimes.access_token.as_secs(),
        refresh_token: issued.refresh_token.expose_secret(),
        scope: issued.scope.to_string(),
        id_token: issued.id_token,
    };
    Ok(([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body)).into_response())
}

/// When a refresh token ends that is issued `now`: when it has idled for too long, or its grant is too old.
pub(super) fn refresh_token_end(issuer: &Issuer, grant: &Grant, now: Timestamp) -> Timestamp {
    let lifetimes = &issuer.config.lifetimes;
    let idle_end = now.plus(lifetimes.refresh_token);
    lifetimes.grant.map_or(idle_end, |lifetime| idle_end.min(grant.created_at.plus(lifetime)))
}
