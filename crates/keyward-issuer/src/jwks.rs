//! `GET /jwks` (RFC 7517 §5): every key whose tokens may still be about.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use crate::state::Issuer;

pub(crate) async fn jwks(State(issuer): State<Issuer>) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    ];
    (headers, issuer.jwks().load().as_ref().clone()).into_response()
}

#[cfg(test)]
mod tests;
