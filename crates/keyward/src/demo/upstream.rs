//! Serves the demo's MCP server on a loopback port, as any server behind Keyward is: over HTTP, in the open.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;

use super::tools::DemoServer;

/// Serves until `stop`; gives the address, of which the path `/mcp` is the endpoint. Runs on the current runtime.
pub(crate) fn serve(stop: CancellationToken) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let server = DemoServer::new();
    let config = StreamableHttpServerConfig::default().with_cancellation_token(stop.child_token());
    let service =
        StreamableHttpService::new(move || Ok(server.clone()), Arc::new(LocalSessionManager::default()), config);
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { continue };
            if stream.set_nodelay(true).is_err() {
                continue;
            }
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let mut http = hyper::server::conn::http1::Builder::new();
                http.timer(TokioTimer::new());
                if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
                    tracing::debug!(%error, "the demo server lost a connection");
                }
            });
        }
    });
    Ok(address)
}
