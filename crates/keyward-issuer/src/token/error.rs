//! What `POST /token` refuses, and how it says so (RFC 6749 §5.2).

use axum::response::{IntoResponse, Response};
use keyward_core::random::RandomFailed;
use keyward_storage::StorageError;
use keyward_vault::VaultError;

use crate::access_token::MintError;
use crate::client_auth::ClientAuthError;
use crate::oauth_error::OauthError;
use crate::parameters::Duplicate;
use crate::resource::InvalidTarget;
use crate::signing::SigningError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    // What the caller did.
    #[error(transparent)]
    Duplicate(#[from] Duplicate),
    #[error("the parameter \"{0}\" is missing")]
    Missing(&'static str),
    #[error("grant_type is authorization_code or refresh_token")]
    UnsupportedGrantType,
    #[error(transparent)]
    Client(#[from] ClientAuthError),
    #[error(transparent)]
    InvalidGrant(#[from] InvalidGrant),
    #[error(transparent)]
    InvalidTarget(#[from] InvalidTarget),
    #[error("none of these scopes were granted; granted are: {0}")]
    ScopeBeyondGrant(String),

    // What failed here.
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Random(#[from] RandomFailed),
    #[error(transparent)]
    Mint(#[from] MintError),
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// `invalid_grant`. What a stranger who guesses may learn is the same for all of these; the words are for the client's
/// developer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidGrant {
    #[error("the authorization code is unknown, used, or too old")]
    Code,
    #[error("redirect_uri is not the one that the code was sent to")]
    RedirectUri,
    #[error("code_verifier does not fit the code_challenge")]
    Verifier,
    #[error("the refresh token is unknown, used, ended, or its grant was revoked")]
    RefreshToken,
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let code = match &self {
            Self::Client(_) => {
                let Self::Client(error) = self else { return OauthError::server_error().into_response() };
                return OauthError::from(error).into_response();
            }
            Self::Duplicate(_) | Self::Missing(_) => "invalid_request",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::InvalidTarget(_) => "invalid_target",
            Self::ScopeBeyondGrant(_) => "invalid_scope",
            Self::Storage(_) | Self::Vault(_) | Self::Random(_) | Self::Mint(_) | Self::Signing(_) => {
                tracing::error!(error = &self as &dyn std::error::Error, "the token endpoint failed");
                let Self::Storage(cause) = &self else { return OauthError::server_error().into_response() };
                return OauthError::storage(cause).into_response();
            }
        };
        OauthError::new(code, self.to_string()).into_response()
    }
}
