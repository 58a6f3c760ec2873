//! Why a call does not get its answer, and what the caller is told. The one place where a refusal becomes HTTP.
//!
//! What RFC 6750 §3 covers has the form that OAuth clients read (`error`, `error_description`); all else is a JSON-RPC
//! error, with the id of the request where it is known. Texts name the server; causes are for the log only.

mod answer;

use std::net::SocketAddr;

use http::StatusCode;
use keyward_core::audit::AuditResult;
use keyward_core::scope::ScopeSet;
use keyward_resource::{RequestError, TokenError};
use keyward_vault::upstream::{GrantError, Reconnect};
use keyward_vault::{CredentialError, TokenName};

use crate::mcp::{HeaderMismatch, MessageError};
use crate::upstream::ConnectError;

pub(crate) use answer::Context;

/// Why a call does not get its answer, by whose fault it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    // The caller's.
    #[error("nothing is here")]
    NotFound,
    #[error("the method is not allowed here")]
    MethodNotAllowed { allow: &'static str },
    #[error("the Host or Origin header is missing or occurs twice")]
    NoHost,
    #[error("the Host header names another host")]
    HostNotAllowed,
    #[error("pages of this origin are not allowed")]
    OriginNotAllowed,
    #[error("no token was sent")]
    NoToken,
    #[error(transparent)]
    Credentials(#[from] RequestError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the token lacks scopes: {needed} are needed")]
    InsufficientScope { needed: ScopeSet },
    #[error("the access token belongs to no account here, and the server is called with each person's own token")]
    NoAccount,
    #[error("the person has no token {0} of their own")]
    NoTokenOfTheirs(TokenName),
    #[error("the session belongs to somebody else")]
    ForeignSession,
    #[error("the body is longer than {limit} bytes")]
    BodyTooLarge { limit: u64 },
    #[error("the body did not arrive in time")]
    BodyTooSlow,
    #[error("the body broke off")]
    BodyBrokeOff,
    #[error("the body is no JSON in UTF-8, by its Content-Type or Content-Encoding")]
    UnsupportedMediaType,
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error(transparent)]
    Header(#[from] HeaderMismatch),

    // Upstream's.
    #[error("no connection to upstream: {0}")]
    Unreachable(#[from] ConnectError),
    #[error("upstream took longer than allowed to answer")]
    TooSlow,
    #[error("upstream's answer broke off or is not HTTP: {0}")]
    Exchange(#[source] hyper::Error),
    #[error("upstream refused the credential with status {0}")]
    CredentialRefused(StatusCode),
    #[error("upstream refused the person's own credential with status {status}")]
    GrantRefused { status: StatusCode, at: Reconnect },
    #[error("upstream redirects with status {0}")]
    Redirected(StatusCode),

    // Ours.
    #[error("no credential: {0}")]
    Credential(#[from] CredentialError),
    #[error(transparent)]
    Grant(#[from] GrantError),
    #[error("the audit log cannot be written")]
    AuditUnavailable,
    #[error("the system's random number generator failed")]
    RandomFailed(#[from] keyward_core::random::RandomFailed),
}

impl Refusal {
    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::ForeignSession => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoHost | Self::Message(_) | Self::Header(_) | Self::BodyBrokeOff => StatusCode::BAD_REQUEST,
            Self::HostNotAllowed
            | Self::OriginNotAllowed
            | Self::InsufficientScope { .. }
            | Self::NoAccount
            | Self::NoTokenOfTheirs(_) => StatusCode::FORBIDDEN,
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::Credentials(error) => error.status(),
            Self::Token(error) => error.status(),
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unreachable(_)
            | Self::Exchange(_)
            | Self::CredentialRefused(_)
            | Self::GrantRefused { .. }
            | Self::Redirected(_) => StatusCode::BAD_GATEWAY,
            Self::TooSlow => StatusCode::GATEWAY_TIMEOUT,
            // Not 401: logging in here again would not help.
            Self::Grant(GrantError::NoPerson(_) | GrantError::NotConnected(_) | GrantError::Broken { .. }) => {
                StatusCode::FORBIDDEN
            }
            Self::Grant(_) | Self::Credential(_) | Self::AuditUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::RandomFailed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Logs it, the cause with it: loudly what somebody here must mend, quietly what callers do.
    pub(crate) fn logged(&self, peer: SocketAddr, context: Context<'_>) -> &Self {
        let server = context.server.map(|server| server.id().as_str());
        let (reason, status) = (self.reason(), self.status().as_u16());
        if self.status().is_server_error() {
            tracing::warn!(%peer, server, status, reason, cause = %self, "call failed");
        } else {
            tracing::debug!(%peer, server, status, reason, cause = %self, "call refused");
        }
        self
    }

    /// The word for it, in the answer and in the audit record.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::NoHost => "invalid_request",
            Self::HostNotAllowed => "host_not_allowed",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::NoToken => "no_token",
            Self::Credentials(error) => error.code(),
            Self::Token(error) => error.code(),
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::NoAccount => "no_account",
            Self::NoTokenOfTheirs(_) => "own_credential_missing",
            Self::ForeignSession => "unknown_session",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyTooSlow => "body_too_slow",
            Self::BodyBrokeOff => "body_broke_off",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::Message(MessageError::Ambiguous(_)) => "ambiguous_message",
            Self::Message(_) => "invalid_message",
            Self::Header(_) => "header_mismatch",
            Self::Unreachable(_) => "upstream_unreachable",
            Self::TooSlow => "upstream_too_slow",
            Self::Exchange(_) => "upstream_broke_off",
            Self::CredentialRefused(_) | Self::GrantRefused { .. } => "upstream_refused_credential",
            Self::Redirected(_) => "upstream_redirects",
            Self::Credential(CredentialError::Missing(_)) => "credential_missing",
            Self::Credential(_) => "credential_unavailable",
            Self::Grant(GrantError::NoPerson(_)) => "no_account",
            Self::Grant(GrantError::NotConnected(_)) => "not_connected",
            Self::Grant(GrantError::Broken { .. }) => "connection_broken",
            Self::Grant(_) => "connection_unavailable",
            Self::AuditUnavailable => "audit_unavailable",
            Self::RandomFailed(_) => "internal_error",
        }
    }

    /// How the audit log names the outcome; `None` for what is no act of anybody: the first request of a login, which has
    /// no token yet, and paths that lead nowhere.
    pub(crate) fn audited_as(&self) -> Option<AuditResult> {
        match self {
            Self::NotFound | Self::MethodNotAllowed { .. } | Self::NoToken => None,
            Self::BodyBrokeOff => Some(AuditResult::Aborted),
            _ if self.status().is_client_error() => Some(AuditResult::Denied),
            _ => Some(AuditResult::Failed),
        }
    }
}
