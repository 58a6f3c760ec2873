//! The resource server's half of OAuth 2.1 for MCP: metadata and challenges (RFC 9728, RFC 6750), bearer extraction,
//! verification of access tokens (RFC 9068) and of development bearer tokens, the cache of what was verified.
//!
//! It knows no issuer's internals, no database and no configuration file: keys, static tokens and revocations are
//! handed in. Nothing here logs a token, and no error text tells more than a caller may know.
//!
//! ```
//! use keyward_core::resource::ResourceUri;
//! use keyward_resource::{ProtectedResource, ProtectedResourceConfig};
//!
//! let resource = ProtectedResource::new(ProtectedResourceConfig {
//!     scopes: "coda:read".parse()?,
//!     authorization_servers: vec!["https://mcp.example.com".to_owned()],
//!     ..ProtectedResourceConfig::of(ResourceUri::parse("https://mcp.example.com/coda/mcp")?)
//! });
//! assert_eq!(
//!     resource.challenge_401(None),
//!     r#"Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/coda/mcp", scope="coda:read""#
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A server of one's own is protected with [`layer`].

mod accounts;
mod audience;
mod bearer;
mod cache;
mod challenge;
mod claim_map;
mod error;
mod jwks;
mod jwt;
pub mod layer;
mod metadata;
pub mod preset;
mod principal;
mod provider;
mod relying_party;
mod revocations;
#[cfg(test)]
mod testing;
mod verify;

pub use accounts::{Account, Accounts};
pub use audience::{AudienceRule, ListedAudience};
pub use bearer::{BearerToken, bearer_from};
pub use claim_map::{ClaimMap, ClaimPath, EmailRule, InvalidClaimPath, NamedClaim, TokenForm};
pub use error::{RequestError, TokenError};
pub use jwks::{InvalidKeySet, KeySet, KeySource};
pub use jwt::{Algorithm, TypeRule};
pub use metadata::{ProtectedResource, ProtectedResourceConfig};
pub use principal::{Principal, TokenKind};
pub use provider::{
    ClientAuthentication, Introspection, IntrospectionConfig, IntrospectionStatus, Provider, ProviderConfig,
    ProviderState, ProviderStatus,
};
pub use relying_party::{IdToken, LogoutToken, RelyingParty, StatementError};
pub use revocations::{Revocations, Revoked};
pub use verify::{STATIC_ISSUER, StaticToken, StaticTokens, TrustedIssuer, Verifier, VerifierConfig};

/// What `cargo fuzz` drives: the parsers of what strangers send.
#[doc(hidden)]
pub mod fuzzing;
