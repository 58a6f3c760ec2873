//! The authorization server (OAuth 2.1, OpenID Connect Core): accounts, login and consent, codes and tokens,
//! registration of clients, revocation, signing keys.
//!
//! It knows no MCP message, no upstream and no configuration file: the binary hands it an [`IssuerConfig`] and routes
//! to [`Issuer::router`] whatever the gateway does not own.
//!
//! Reading order: [`config`] and [`state`], [`router`], then one file for each endpoint.

pub mod account;
pub mod config;
pub mod consent;
mod cookie;
pub mod csrf;
mod invite;
mod landing;
pub mod login;
mod logout;
pub mod page;
mod people;
pub mod router;
pub mod session;
pub mod state;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use config::IssuerConfig;
pub use state::{Issuer, IssuerState};
