//! The authorization server (OAuth 2.1, OpenID Connect Core): accounts, login and consent, codes and tokens,
//! registration of clients, revocation, signing keys.
//!
//! It knows no MCP message, no upstream and no configuration file: the binary hands it an [`IssuerConfig`] and routes
//! to [`Issuer::router`] whatever the gateway does not own.
//!
//! Reading order: [`config`] and [`state`], [`router`], then one file for each endpoint.

pub mod config;
pub mod router;
pub mod state;

mod metadata;

mod authorize;
mod token;

mod jwks;
mod revoke;
mod userinfo;

pub mod client;
mod client_auth;
pub mod redirect_uri;
mod register;

mod access_token;
mod id_token;
mod pkce;
mod resource;
mod scope;
pub mod signing;

pub mod account;
pub mod bearer;
pub mod consent;
mod cookie;
pub mod csrf;
mod invite;
mod landing;
mod limit;
mod log_limit;
pub mod login;
mod logout;
pub mod page;
mod people;
pub mod session;

mod audit;
mod body;
mod cors;
mod elsewhere;
mod ended;
mod oauth_error;
mod parameters;
pub mod sweep;

#[cfg(test)]
mod oauth_testing;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use config::IssuerConfig;
pub use state::{Issuer, IssuerState, StartError};

/// What `cargo fuzz` drives: the parsers of what strangers send.
#[doc(hidden)]
pub mod fuzzing;
