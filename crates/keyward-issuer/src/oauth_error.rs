//! The error answer of OAuth endpoints (RFC 6749 §5.2): JSON, never cached.

use std::borrow::Cow;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use keyward_storage::StorageError;
use serde::Serialize;

/// One error answer. Each endpoint's own error type maps to it.
#[derive(Debug)]
pub(crate) struct OauthError {
    status: StatusCode,
    error: &'static str,
    description: Cow<'static, str>,
    headers: HeaderMap,
}

impl OauthError {
    /// An answer of status 400, which is what RFC 6749 §5.2 asks for unless it says otherwise.
    pub(crate) fn new(error: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        let description = description.into();
        Self { status: StatusCode::BAD_REQUEST, error, description, headers: HeaderMap::new() }
    }

    /// The failure of our own side; its cause belongs into the log and nowhere else.
    pub(crate) fn server_error() -> Self {
        Self::new("server_error", "something failed on this side; it has been logged")
            .status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The failure of the database: where it may pass by itself, the client is told to come again.
    pub(crate) fn storage(error: &StorageError) -> Self {
        match error {
            StorageError::Unavailable(_) | StorageError::Busy => {
                Self::new("temporarily_unavailable", "the server cannot do this just now; try again in a moment")
                    .status(StatusCode::SERVICE_UNAVAILABLE)
                    .header(RETRY_AFTER, HeaderValue::from_static("1"))
            }
            _ => Self::server_error(),
        }
    }

    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// `error_description` as its grammar allows it (RFC 6749 §5.2): printable ASCII but `"` and `\`.
pub(crate) fn plain(description: &str) -> String {
    let allowed = |c: char| matches!(c, ' '..='~');
    description.replace(['"', '\\'], "'").chars().map(|c| if allowed(c) { c } else { '?' }).collect()
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    error_description: &'a str,
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let body = Json(Body { error: self.error, error_description: &plain(&self.description) });
        let no_store = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        (self.status, self.headers, no_store, body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_keep_to_their_grammar() {
        assert_eq!(plain("the parameter \"a\\b\" ü\n"), "the parameter 'a'b' ??");
    }
}
