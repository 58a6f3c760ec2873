//! A small server on the official Rust SDK that tells which headers reached it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use anyhow::{Context, Result};
use rmcp::handler::server::tool::Extension;
use rmcp::model::{Implementation, ServerCapabilities, ServerConfig};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, tool, tool_handler, tool_router};
use tokio::runtime::Runtime;

/// The server; ended when dropped.
pub struct Notes {
    runtime: Option<Runtime>,
    /// Its endpoint.
    pub url: String,
}

impl Notes {
    /// Starts it on a thread of its own.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}/mcp", listener.local_addr()?);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let sessions = Arc::new(LocalSessionManager::default());
        let service = StreamableHttpService::new(|| Ok(Tools), sessions, StreamableHttpServerConfig::default());
        let router = axum::Router::new().nest_service("/mcp", service);
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener).context("cannot listen")?
        };
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self { runtime: Some(runtime), url })
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[derive(Clone)]
struct Tools;

#[tool_router]
impl Tools {
    /// All headers of the request that called this, as a JSON object.
    #[tool(name = "arrived_headers", description = "Tells which headers arrived")]
    async fn arrived_headers(&self, Extension(parts): Extension<http::request::Parts>) -> String {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers: BTreeMap<_, _> =
            parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        serde_json::json!(headers).to_string()
    }

    #[tool(name = "read_note", description = "Reads the note")]
    async fn read_note(&self) -> String {
        "the note".into()
    }

    #[tool(name = "delete_note", description = "Deletes the note")]
    async fn delete_note(&self) -> String {
        "deleted".into()
    }
}

#[tool_handler]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities).with_server_info(Implementation::new("notes", "1.0.0"))
    }
}
