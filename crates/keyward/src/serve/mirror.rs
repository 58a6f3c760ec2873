//! The metadata of the authorization server, where clients of the MCP revision 2025-03-26 look for it: on the host of the
//! MCP server. It is the provider's own document, to the byte, with the provider's own issuer in it; clients that know RFC
//! 9728 go to the provider themselves.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use keyward_resource::Provider;
use serde_json::json;

const PATH: &str = "/.well-known/oauth-authorization-server";

/// At the root, and inserted before `base`, the path of the public URL.
pub(crate) fn router(provider: &Provider, base: &str) -> Router {
    let router = Router::new().route(PATH, get(document));
    let router = if base.is_empty() { router } else { router.route(&format!("{PATH}{base}"), get(document)) };
    router.with_state(provider.clone())
}

async fn document(State(provider): State<Provider>) -> Response {
    const ANY_ORIGIN: (HeaderName, &str) = (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    match provider.fetch_metadata().await {
        Ok(metadata) => {
            let headers = [
                ANY_ORIGIN,
                (header::CONTENT_TYPE, "application/json"),
                (header::CACHE_CONTROL, "public, max-age=300"),
            ];
            (headers, metadata.document.clone()).into_response()
        }
        Err(_) => {
            let issuer = provider.issuer();
            let body = json!({
                "error": "temporarily_unavailable",
                "error_description": format!("the metadata of {issuer} cannot be had at the moment"),
            });
            (StatusCode::SERVICE_UNAVAILABLE, [ANY_ORIGIN, (header::CACHE_CONTROL, "no-store")], axum::Json(body))
                .into_response()
        }
    }
}
