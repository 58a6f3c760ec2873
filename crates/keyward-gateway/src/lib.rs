//! The data plane: the walk of one call from an MCP client to the server behind the gateway and back.
//!
//! [`Gateway::handle`] is the whole of it; `walk.rs` reads as the steps do. This room must not know who issues tokens,
//! what the configuration file looks like, or how audit records and secrets are stored: it is handed a verifier, a cabinet
//! and a log. It runs on threads that each have a [`Worker`] of their own and run tokio with local tasks.

mod audit;
mod authenticate;
mod authorize;
mod body;
mod config;
mod cors;
mod credential;
mod document;
mod forward;
mod gateway;
mod headers;
mod intent;
mod mcp;
mod origin;
mod refusal;
mod route;
mod server;
mod session;
mod snapshot;
mod stream;
mod upstream;
mod walk;

pub use body::GatewayBody;
pub use config::{AuditMode, ConfigError, GatewayConfig, Limits, ServerConfig};
pub use gateway::Gateway;
pub use upstream::Worker;
