//! Who calls, once the token is verified.

use std::sync::Arc;

use keyward_core::clock::Timestamp;
use keyward_core::id::{GrantId, UserId};
use keyward_core::scope::ScopeSet;

/// What kind of token proved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A signed access token (RFC 9068).
    Jwt,
    /// An opaque access token that its issuer was asked about (RFC 7662).
    Opaque,
    /// A development bearer token.
    Static,
}

/// Who calls, and what they may do. Only a verifier makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal {
    /// `sub`: unique within the issuer only.
    pub subject: String,
    /// `iss`; [`crate::STATIC_ISSUER`] for development tokens.
    pub issuer: Arc<str>,
    /// The OAuth client; `azp` where the issuer has no `client_id`.
    pub client_id: Option<String>,
    /// What the token says.
    pub scopes: ScopeSet,
    /// That and all that it includes by the configured hierarchy: what decisions are made by.
    pub granted: ScopeSet,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// What kind of token it was.
    pub kind: TokenKind,
    /// The authorization behind it, when the issuer is our own.
    pub grant_id: Option<GrantId>,
    /// `jti`.
    pub token_id: Option<String>,
    /// The person's account here: of our own issuer's `sub`, or of a development token that belongs to one. Who logs in
    /// elsewhere has none.
    pub user_id: Option<UserId>,
    /// The person's e-mail, as far as the token says.
    pub email: Option<String>,
    /// The name of a development token.
    pub name: Option<String>,
}
