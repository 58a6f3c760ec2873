//! `GET /metrics`, on a listener of its own: what Keyward counts, as OpenMetrics text.

mod collector;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::runtime::Runtime;

use super::{Door, listen};
pub(super) use collector::Sources;

/// OpenMetrics 1.0, "Overall Structure".
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Takes the address, so that a port that is in use is told of at the start.
pub(super) fn bind(address: SocketAddr, door: Door) -> anyhow::Result<TcpListener> {
    let bound = match door {
        Door::Alone => listen::listen(address, 1),
        Door::Beside => listen::listen_beside(address, 1),
    };
    bound.context("[metrics] listen")?.pop().context("no listening socket")
}

/// Answers on `listener` for as long as `runtime` runs.
pub(super) fn serve(runtime: &Runtime, listener: TcpListener, sources: Sources) -> anyhow::Result<()> {
    let mut registry = Registry::with_prefix("keyward");
    registry.register_collector(Box::new(sources));
    let pages = Router::new().route("/metrics", get(metrics)).with_state(Arc::new(registry));
    let _inside = runtime.enter();
    let address = listener.local_addr()?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    tracing::info!(%address, "metrics are served");
    runtime.spawn(async move {
        if let Err(error) = axum::serve(listener, pages).await {
            tracing::error!(%error, "metrics are served no more");
        }
    });
    Ok(())
}

async fn metrics(State(registry): State<Arc<Registry>>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
