//! `POST /token` (RFC 6749 §3.2): codes and refresh tokens for access tokens.

mod authorization_code;
mod error;
mod issue;
mod refresh_token;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;

use crate::body::Form;
use crate::client_auth;
use crate::state::Issuer;
use error::TokenError;

pub(crate) async fn token(
    State(issuer): State<Issuer>,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<Response, TokenError> {
    parameters.once_each()?;
    let client = client_auth::authenticate(&issuer, &headers, &parameters).await?;
    match parameters.get("grant_type") {
        Some("authorization_code") => authorization_code::exchange(&issuer, &client, &parameters).await,
        Some("refresh_token") => refresh_token::exchange(&issuer, &client, &parameters).await,
        Some(_) => Err(TokenError::UnsupportedGrantType),
        None => Err(TokenError::Missing("grant_type")),
    }
}

#[cfg(test)]
mod tests;
