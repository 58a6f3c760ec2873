//! `/healthz` and `/readyz`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use keyward_storage::Database;
use serde_json::json;

/// Both paths: at the root, where whoever watches the process asks, and below `base`, the path of the public URL, which
/// may be all that a proxy in front lets through.
pub(crate) fn router(database: Database, base: &str) -> Router {
    let here = Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).with_state(database);
    if base.is_empty() { here } else { here.clone().nest(base, here) }
}

async fn alive() -> Response {
    answer(StatusCode::OK, &json!({ "status": "ok" }))
}

/// Whether calls can be served: the database answers.
async fn ready(State(database): State<Database>) -> Response {
    match database.query_opt("SELECT 1", &[]).await {
        Ok(_) => answer(StatusCode::OK, &json!({ "status": "ok" })),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            answer(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "unavailable", "part": "database" }))
        }
    }
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
