//! The console: what a person sees and ends of their own, account, connections and sessions.
//!
//! It is thin: it calls the same operations as the command line, and knows neither the database's tables nor the
//! gateway. Every act is a form with a CSRF token, and the operation behind it writes the audit log.
//!
//! Reading order: [`routes`], `account` (the page), then one file for each act; `when` and `browser` put times and
//! browsers in words.

mod account;
mod browser;
mod disconnect;
mod end_session;
mod when;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use keyward_issuer::Issuer;

/// The most that a form here weighs.
const FORM_LIMIT: usize = 4 * 1024;

/// The console's pages, below the path of the issuer identifier.
pub fn routes(issuer: &Issuer) -> Router {
    let pages = Router::new()
        .route("/account", get(account::show))
        .route("/account/disconnect", post(disconnect::submit))
        .route("/account/end-session", post(end_session::submit))
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .with_state(issuer.clone());
    match issuer.config.base_path() {
        "" => pages,
        base => Router::new().nest(base, pages),
    }
}

#[cfg(test)]
mod tests;
