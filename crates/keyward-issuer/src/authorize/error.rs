//! What `/authorize` refuses: on a page while it is not certain whom it talks to, by a redirect after that
//! (RFC 6749 §4.1.2.1).

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderMap, HeaderValue, LOCATION};
use keyward_core::random::RandomFailed;
use keyward_storage::StorageError;

use crate::client::FindError;
use crate::csrf::CsrfRefused;
use crate::oauth_error::plain;
use crate::page;
use crate::redirect_uri::RedirectUri;
use crate::register::metadata_document::DocumentError;
use crate::resource::InvalidTarget;
use crate::scope::InvalidScope;

#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorizeError {
    // Shown: nothing of the request has been verified that a redirect could go to.
    #[error("client_id is missing or there twice")]
    NoClientId,
    #[error("no client {0} is registered")]
    UnknownClient(String),
    #[error("the document about the client at {url} cannot be used: {cause}")]
    Document { url: String, cause: DocumentError },
    #[error("redirect_uri is not one of the client's")]
    RedirectUri,
    #[error("the decision is neither allow nor deny")]
    Decision,
    #[error(transparent)]
    Csrf(#[from] CsrfRefused),

    // Returned to the client.
    #[error("{}", .0.error)]
    Returned(Box<Returned>),

    // Ours.
    #[error(transparent)]
    Client(FindError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Random(#[from] RandomFailed),
}

/// An error and the client it goes to.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) to: ReturnAddress,
    pub(crate) error: ReturnedError,
}

/// Where the browser goes back to: one of the client's own URIs.
#[derive(Clone, Debug)]
pub(crate) struct ReturnAddress {
    pub(crate) redirect_uri: RedirectUri,
    pub(crate) state: Option<String>,
    pub(crate) issuer: String,
}

/// What the client is told (RFC 6749 §4.1.2.1; RFC 8707 §2; OpenID Connect Core §3.1.2.6).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReturnedError {
    #[error("{0}")]
    InvalidRequest(&'static str),
    #[error("the parameter \"{0}\" is there more than once")]
    Duplicate(String),
    #[error("response_type is code")]
    UnsupportedResponseType,
    #[error(transparent)]
    InvalidScope(#[from] InvalidScope),
    #[error(transparent)]
    InvalidTarget(#[from] InvalidTarget),
    #[error("request objects are not taken")]
    RequestNotSupported,
    #[error("request objects are not taken")]
    RequestUriNotSupported,
    #[error("nobody is logged in")]
    LoginRequired,
    #[error("the person has to be asked")]
    ConsentRequired,
    #[error("the person said no")]
    AccessDenied,
}

impl ReturnedError {
    fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) | Self::Duplicate(_) => "invalid_request",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope(_) => "invalid_scope",
            Self::InvalidTarget(_) => "invalid_target",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::AccessDenied => "access_denied",
        }
    }
}

impl ReturnAddress {
    /// The redirect that carries `parameters`, `state`, and `iss` (RFC 9207 §2).
    pub(crate) fn answer(&self, parameters: &[(&str, &str)]) -> Response {
        let mut parameters = parameters.to_vec();
        if let Some(state) = &self.state {
            parameters.push(("state", state));
        }
        parameters.push(("iss", &self.issuer));
        let Ok(location) = HeaderValue::try_from(self.redirect_uri.with_parameters(&parameters)) else {
            return AuthorizeError::RedirectUri.into_response();
        };
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, location);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
        (StatusCode::SEE_OTHER, headers).into_response()
    }
}

impl From<FindError> for AuthorizeError {
    fn from(error: FindError) -> Self {
        Self::Client(error)
    }
}

impl IntoResponse for AuthorizeError {
    fn into_response(self) -> Response {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        match self {
            Self::Returned(returned) => {
                let description = plain(&returned.error.to_string());
                returned.to.answer(&[("error", returned.error.code()), ("error_description", &description)])
            }
            Self::Csrf(refused) => refused.into_response(),
            Self::NoClientId => page::problem(
                BAD,
                "This link is incomplete",
                &["It does not say which client it is from. Start again from the client."],
            ),
            Self::UnknownClient(client_id) => page::problem(
                BAD,
                "This client isn’t known here",
                &[
                    &format!("It calls itself “{client_id}”, and no such client is registered at this server."),
                    "It may have been removed, or was registered with another server. In the client, remove this \
                     connection and add it again; it then registers anew.",
                ],
            ),
            Self::Document { url, cause } => page::problem(
                BAD,
                "The client’s description can’t be read",
                &[
                    &format!("The client describes itself at {url}, but that document can’t be used: {cause}."),
                    "Try again in a minute. If it stays like this, tell whoever makes the client.",
                ],
            ),
            Self::RedirectUri => page::problem(
                BAD,
                "This link leads to the wrong place",
                &[
                    "The address that the answer would go to isn’t one that the client has registered, so nothing was \
                     sent there.",
                    "If you were sent here by another site, close this page. In the client, remove this connection and \
                     add it again.",
                ],
            ),
            Self::Decision => {
                page::problem(BAD, "This form can’t be read", &["Go back, reload the page, and try again."])
            }
            cause @ (Self::Client(_) | Self::Storage(_) | Self::Random(_)) => {
                tracing::error!(error = &cause as &dyn std::error::Error, "the authorization endpoint failed");
                page::problem(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "Something went wrong here",
                    &["The server could not do this just now, and nothing was changed. Try again in a minute."],
                )
            }
        }
    }
}
