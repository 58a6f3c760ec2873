//! Why a request or its token is refused: the cause for our side, and a text for the caller's that tells what to do and
//! nothing that the caller may not know.

use http::StatusCode;

/// A request whose credentials cannot even be read (RFC 6750 §3.1, OAuth 2.1 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A token in the query string.
    #[error("tokens are taken from the Authorization header only, not from the query string")]
    TokenInQuery,
    /// Several `Authorization` headers.
    #[error("more than one credential was sent")]
    SeveralCredentials,
    /// `Authorization: Bearer` with something that is no token.
    #[error("the Authorization header holds no well-formed bearer token")]
    MalformedToken,
}

impl RequestError {
    /// 400, but 401 for a malformed token: that is `invalid_token` by RFC 6750 §3.1, and clients mend it by logging in.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::TokenInQuery | Self::SeveralCredentials => StatusCode::BAD_REQUEST,
            Self::MalformedToken => StatusCode::UNAUTHORIZED,
        }
    }

    /// The `error` of the challenge (RFC 6750 §3.1).
    pub const fn code(self) -> &'static str {
        match self {
            Self::TokenInQuery | Self::SeveralCredentials => "invalid_request",
            Self::MalformedToken => "invalid_token",
        }
    }
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    // The token's fault.
    /// Neither a compact JWT nor a development token, or too long.
    #[error("not a token of a known form")]
    Malformed,
    /// The header's algorithm is none that is accepted from this issuer; `none` and HMAC never are.
    #[error("the signature algorithm is not accepted")]
    Algorithm,
    /// The header carries `crit`: extensions that must be understood and are not (RFC 7515 §4.1.11).
    #[error("the header names critical extensions")]
    Critical,
    /// The header's `typ` is not that of an access token (RFC 9068 §4).
    #[error("the header's type is not that of an access token")]
    Type,
    /// `iss` names no trusted issuer.
    #[error("the issuer is not trusted")]
    Issuer,
    /// The issuer has no such key, or the token names none and several fit.
    #[error("the issuer has no such key")]
    Key,
    /// The signature does not fit.
    #[error("the signature does not verify")]
    Signature,
    /// A required claim is missing or not of its type.
    #[error("a required claim is missing or malformed")]
    Claims,
    /// Its claims are not those of the issuer's access tokens.
    #[error("the claims are not those of an access token of this issuer")]
    Form,
    /// `aud` lacks this resource (RFC 9068 §4, RFC 8707).
    #[error("the token is for another resource")]
    Audience,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is still to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It, or the grant behind it, was ended.
    #[error("the token was revoked")]
    Revoked,
    /// Its issuer says that it is not active (RFC 7662 §2.2): ended, or never issued.
    #[error("the issuer says that the token is not active")]
    Inactive,
    /// It has the form of a development token, and is none that was issued.
    #[error("no such development token")]
    UnknownStatic,

    // Our side's fault, or the issuer's.
    /// The issuer's keys could not be fetched, and the token's is not known from before.
    #[error("the issuer's keys could not be fetched")]
    KeysUnavailable,
    /// The issuer could not be asked about an opaque token.
    #[error("the issuer could not be asked about the token")]
    IntrospectionUnavailable,
}

impl TokenError {
    /// 401, but 503 where the token may well be good.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::KeysUnavailable | Self::IntrospectionUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// The `error` of the challenge (RFC 6750 §3.1).
    pub const fn code(self) -> &'static str {
        match self {
            Self::KeysUnavailable | Self::IntrospectionUnavailable => "temporarily_unavailable",
            _ => "invalid_token",
        }
    }

    /// The `error_description`: helps whoever holds the token, and tells whoever guesses no more than "no".
    pub const fn description(self) -> &'static str {
        match self {
            Self::Expired => "The access token has expired.",
            Self::NotYetValid => "The access token is not valid yet; check the clocks.",
            Self::Audience => "The access token was issued for another resource.",
            Self::Revoked => "The access token was revoked.",
            Self::Inactive => "The access token has expired or was revoked.",
            Self::Issuer => "The access token was issued by an authorization server that is not trusted here.",
            Self::KeysUnavailable => "The authorization server's keys cannot be fetched at the moment.",
            Self::IntrospectionUnavailable => "The authorization server cannot be asked about the token at the moment.",
            Self::Malformed
            | Self::Algorithm
            | Self::Critical
            | Self::Type
            | Self::Key
            | Self::Signature
            | Self::Claims
            | Self::Form
            | Self::UnknownStatic => "The access token is not valid here.",
        }
    }

    /// Whether the same token can become good without anything being replaced here.
    pub(crate) const fn may_pass(self) -> bool {
        matches!(self, Self::Key | Self::NotYetValid | Self::KeysUnavailable | Self::IntrospectionUnavailable)
    }
}
