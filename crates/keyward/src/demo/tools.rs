//! The demo's MCP server: a few tools that show what Keyward does to a call.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use http::request::Parts;
use rmcp::handler::server::tool::Extension;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{Implementation, ProgressNotificationParam, RequestMetaObject, ServerCapabilities, ServerConfig};
use rmcp::{ErrorData, Peer, RoleServer, ServerHandler, schemars, tool, tool_handler, tool_router};
use serde::Deserialize;

/// The server. Clones share the notes.
#[derive(Clone)]
pub(crate) struct DemoServer {
    notes: Arc<Mutex<BTreeSet<String>>>,
}

#[derive(Deserialize, schemars::JsonSchema)]
pub(crate) struct Echo {
    /// What to say back.
    text: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
pub(crate) struct Note {
    /// The note's title.
    title: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
pub(crate) struct Steps {
    /// How many steps to take, one to twenty; five when absent.
    #[serde(default)]
    steps: Option<u8>,
}

impl DemoServer {
    pub(crate) fn new() -> Self {
        let notes = ["groceries", "ideas", "plans"].map(str::to_owned);
        Self { notes: Arc::new(Mutex::new(notes.into())) }
    }

    fn with_notes<T>(&self, read: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        read(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What can be shown of a credential: enough to recognise it, too little to use it.
pub(crate) fn fingerprint(credential: &[u8]) -> String {
    let digest = digest(&SHA256, credential);
    let hex: String = digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[tool_router]
impl DemoServer {
    #[tool(description = "Show which credential reached this server: Keyward's, and never your client's")]
    async fn whoami(&self, Extension(parts): Extension<Parts>) -> String {
        let credential = parts.headers.get("authorization").map(|value| value.as_bytes());
        let token = credential.and_then(|value| value.strip_prefix(b"Bearer "));
        // Keyward's tokens are JWTs or begin with kwd_; the demo's service token has neither form.
        let is_clients = token.is_some_and(|token| token.starts_with(b"eyJ") || token.starts_with(b"kwd_"));
        match token {
            _ if is_clients => "WRONG: the token of the client reached the server.".to_owned(),
            Some(token) => format!(
                "This server got the service token {} from the cabinet. The token of the client did not reach it.",
                fingerprint(token)
            ),
            None => "This server got no credential.".to_owned(),
        }
    }

    #[tool(description = "Say something back")]
    async fn echo(&self, Parameters(Echo { text }): Parameters<Echo>) -> String {
        text
    }

    #[tool(description = "List the notes")]
    async fn list_notes(&self) -> String {
        self.with_notes(|notes| notes.iter().cloned().collect::<Vec<_>>().join("\n"))
    }

    #[tool(description = "Delete a note; needs the scope demo:write, for which your client will ask you again")]
    async fn delete_note(&self, Parameters(Note { title }): Parameters<Note>) -> String {
        match self.with_notes(|notes| notes.remove(&title)) {
            true => format!("Deleted {title}."),
            false => format!("There is no note {title}."),
        }
    }

    #[tool(description = "Take a few seconds, and tell how far it is")]
    async fn slow(
        &self,
        Parameters(Steps { steps }): Parameters<Steps>,
        meta: RequestMetaObject,
        client: Peer<RoleServer>,
    ) -> Result<String, ErrorData> {
        let steps = steps.unwrap_or(5).clamp(1, 20);
        for step in 1..=steps {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if let Some(token) = meta.get_progress_token() {
                let progress = ProgressNotificationParam::new(token, f64::from(step))
                    .with_total(f64::from(steps))
                    .with_message(format!("step {step} of {steps}"));
                client
                    .notify_progress(progress)
                    .await
                    .map_err(|_| ErrorData::internal_error("the client left", None))?;
            }
        }
        Ok(format!("Done in {steps} steps."))
    }
}

#[tool_handler]
impl ServerHandler for DemoServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("keyward-demo", env!("CARGO_PKG_VERSION")))
            .with_instructions("A server behind Keyward. Call whoami to see which credential reached it.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_short_and_stable() {
        assert_eq!(fingerprint(b"abc"), "sha256:ba7816bf8f01");
    }
}
