//! The console: what a person sees and ends of their own, account, connections and sessions.
//!
//! It is thin: it calls the same operations as the command line, and knows neither the database's tables nor the
//! gateway. Every act is a form with a CSRF token, and the operation behind it writes the audit log.
//!
//! Reading order: [`routes`], `account` (the page), then one file for each act, of which `connect` has a page of its own;
//! `when` and `browser` put times and browsers in words.

mod account;
mod browser;
mod connect;
mod disconnect;
mod end_session;
mod when;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::routing::{get, post};
use keyward_issuer::Issuer;
use keyward_vault::upstream::Connections;

/// The most that a form here weighs.
const FORM_LIMIT: usize = 4 * 1024;

/// What the pages work with.
#[derive(Clone)]
struct Console {
    issuer: Issuer,
    connections: Connections,
}

impl FromRef<Console> for Issuer {
    fn from_ref(console: &Console) -> Self {
        console.issuer.clone()
    }
}

impl FromRef<Console> for Connections {
    fn from_ref(console: &Console) -> Self {
        console.connections.clone()
    }
}

/// The console's pages, below the path of the issuer identifier.
pub fn routes(issuer: &Issuer, connections: &Connections) -> Router {
    let pages = Router::new()
        .route("/account", get(account::show))
        .route("/account/disconnect", post(disconnect::submit))
        .route("/account/end-session", post(end_session::submit))
        .route("/connect/{id}", get(connect::show).post(connect::go))
        .route("/connect/{id}/callback", get(connect::arrive))
        .route("/connect/{id}/end", post(connect::end))
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .with_state(Console { issuer: issuer.clone(), connections: connections.clone() });
    match issuer.config.base_path() {
        "" => pages,
        base => Router::new().nest(base, pages),
    }
}

#[cfg(test)]
mod tests;
