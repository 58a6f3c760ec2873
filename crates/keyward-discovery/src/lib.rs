//! Finding an authorization server: its metadata document (RFC 8414, OpenID Connect Discovery), by its issuer identifier
//! or from a resource that it protects (RFC 9728).
//!
//! A document counts only if it names whom it was asked for to the letter. This room keeps nothing and retries nothing:
//! who needs a server again and again keeps what was found.
//!
//! ```
//! use keyward_discovery::{AuthorizationServerMetadata, InvalidMetadata};
//!
//! let document = br#"{"issuer": "https://as.example", "jwks_uri": "https://as.example/jwks"}"#;
//! let metadata = AuthorizationServerMetadata::parse(document, "https://as.example", false)?;
//! assert_eq!(metadata.jwks_uri.map(String::from).as_deref(), Some("https://as.example/jwks"));
//! let other = AuthorizationServerMetadata::parse(document, "https://as.example/", false);
//! assert!(matches!(other, Err(InvalidMetadata::Foreign { .. })));
//! # Ok::<(), InvalidMetadata>(())
//! ```

mod challenge;
mod error;
mod fetch;
mod json;
mod resource;
mod server;

pub use challenge::challenge;
pub use error::{DiscoveryError, InvalidMetadata};
pub use fetch::{discover, discover_at, discover_openid, first_document};
pub use resource::{ResourceMetadata, resource_documents};
pub use server::{AuthorizationServerMetadata, endpoint, server_documents};
