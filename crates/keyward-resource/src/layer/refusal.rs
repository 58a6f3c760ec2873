//! The answer to a call that is not let through: status, challenge, and a JSON body that says the same.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use crate::error::{RequestError, TokenError};
use crate::metadata::ProtectedResource;

/// Why a call is not let through.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    NoToken,
    Request(RequestError),
    Token(TokenError),
    Scope,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    error_description: &'a str,
}

impl Refusal {
    pub(super) fn response(self, resource: &ProtectedResource) -> Response<Full<Bytes>> {
        let no_token = "Authorization is needed; the challenge names the metadata to begin with.";
        let no_scope = "The operation needs scopes that the access token does not have.";
        let request_text;
        let (status, challenge, error, error_description) = match self {
            Self::NoToken => (StatusCode::UNAUTHORIZED, resource.challenge_401(None), "unauthorized", no_token),
            Self::Request(error) => {
                request_text = error.to_string();
                (error.status(), resource.challenge_request(error), error.code(), &*request_text)
            }
            Self::Token(error) => {
                (error.status(), resource.challenge_401(Some(error)), error.code(), error.description())
            }
            Self::Scope => {
                (StatusCode::FORBIDDEN, resource.challenge_403(resource.scopes()), "insufficient_scope", no_scope)
            }
        };
        // Two texts always serialize.
        let body = serde_json::to_vec(&Body { error, error_description }).unwrap_or_default();
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(WWW_AUTHENTICATE, challenge);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
