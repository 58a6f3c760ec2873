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
mod counts;
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
pub use config::{AuditMode, ConfigError, CredentialOwner, GatewayConfig, Limits, ServerConfig};
pub use counts::CallCounts;
pub use gateway::Gateway;
pub use upstream::Worker;

/// What `cargo fuzz` drives: the parser of what strangers send.
#[doc(hidden)]
pub mod fuzzing {
    use crate::mcp::Message;

    /// The method and the tool of each message of a body; `None` for a body that is refused.
    pub fn calls(body: &[u8]) -> Option<Vec<(Option<String>, Option<String>)>> {
        let described = |message: &Message| {
            let method = message.method.as_ref().map(|method| method.as_str().to_owned());
            (method, message.tool().map(str::to_owned))
        };
        Some(crate::mcp::read(body).ok()?.iter().map(described).collect())
    }
}
