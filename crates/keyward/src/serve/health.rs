//! `/healthz` and `/readyz`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use keyward_resource::{Provider, ProviderState, ProviderStatus};
use keyward_storage::Database;
use serde_json::{Value, json};

/// Whom readiness is asked of.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) database: Database,
    /// The issuers elsewhere.
    pub(crate) providers: Vec<Provider>,
    /// Where people log in, if that is elsewhere.
    pub(crate) login_provider: Option<Provider>,
    /// Whether there are tokens that no issuer elsewhere has to vouch for: those of our own, and development tokens.
    pub(crate) own_tokens: bool,
}

/// Both paths: at the root, where whoever watches the process asks, and below `base`, the path of the public URL, which
/// may be all that a proxy in front lets through.
pub(crate) fn router(parts: Parts, base: &str) -> Router {
    let here = Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).with_state(parts);
    if base.is_empty() { here } else { here.clone().nest(base, here) }
}

async fn alive() -> Response {
    answer(StatusCode::OK, &json!({ "status": "ok" }))
}

/// Whether calls can be served: the database answers, and somebody's tokens can be verified. An issuer that is waited for
/// while others serve is told of, and no reason to send calls elsewhere; nor is a provider at which nobody can log in just
/// now, which another process could not reach either.
async fn ready(State(parts): State<Parts>) -> Response {
    if let Err(error) = parts.database.query_opt("SELECT 1", &[]).await {
        tracing::warn!(%error, "not ready");
        return answer(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "unavailable", "part": "database" }));
    }
    let issuers: Vec<_> = parts.providers.iter().map(Provider::status).collect();
    let (status, mut body) = readiness(&issuers, parts.own_tokens);
    let login = parts.login_provider.as_ref().map(Provider::status).filter(|it| it.state != ProviderState::Ready);
    if let Some(login) = login {
        body["login"] = told(&login);
    }
    answer(status, &body)
}

fn readiness(issuers: &[ProviderStatus], own_tokens: bool) -> (StatusCode, Value) {
    let told: Vec<Value> = issuers.iter().filter(|it| it.state != ProviderState::Ready).map(told).collect();
    if own_tokens || issuers.is_empty() || issuers.iter().any(|it| it.state.serves()) {
        let body = if told.is_empty() { json!({ "status": "ok" }) } else { json!({ "status": "ok", "issuers": told }) };
        return (StatusCode::OK, body);
    }
    (StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "unavailable", "part": "issuers", "issuers": told }))
}

/// Not why, which is the log's: anybody can ask, and reasons name addresses inside.
fn told(issuer: &ProviderStatus) -> Value {
    json!({ "issuer": *issuer.issuer, "state": issuer.state.as_str() })
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
