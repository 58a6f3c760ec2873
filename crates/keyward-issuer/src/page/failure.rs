//! What a page answers when something on our side fails: words for the person, the cause for the log.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use keyward_core::random::RandomFailed;
use keyward_storage::StorageError;

use crate::csrf::CsrfRefused;
use crate::login::password::PasswordError;
use crate::page;

/// Why a page could not be made or a form not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum PageFailure {
    /// The caller's: the form is not from here.
    #[error(transparent)]
    Csrf(#[from] CsrfRefused),
    /// Ours: the database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Ours: the generator.
    #[error(transparent)]
    Random(#[from] RandomFailed),
    /// Ours: hashing.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

impl IntoResponse for PageFailure {
    fn into_response(self) -> Response {
        match self {
            Self::Csrf(refused) => refused.into_response(),
            Self::Password(PasswordError::Busy) => {
                tracing::warn!("logins wait for too long: too many at this moment");
                let paragraphs =
                    ["Many people are logging in at this moment. Wait a few seconds, go back, and try again."];
                let mut response = page::problem(StatusCode::SERVICE_UNAVAILABLE, "Too busy just now", &paragraphs);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
                response
            }
            cause => {
                tracing::error!(error = %cause, "a page failed");
                let paragraphs = [
                    "The server could not do this just now, and nothing was changed. Try again in a minute.",
                    "If it stays like this, tell whoever runs this server; the cause is in its log.",
                ];
                page::problem(StatusCode::SERVICE_UNAVAILABLE, "Something went wrong here", &paragraphs)
            }
        }
    }
}
