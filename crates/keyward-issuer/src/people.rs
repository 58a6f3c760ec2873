//! The routes of the pages that people see.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::login::provider;
use crate::page::input::FORM_LIMIT;
use crate::state::Issuer;
use crate::{invite, landing, login, logout};

/// Landing page, login, logout and one-time links.
pub(crate) fn routes() -> Router<Issuer> {
    Router::new()
        .route("/", get(landing::show))
        .route("/login", get(login::show).post(login::submit))
        .route("/login/provider", post(provider::go))
        .route("/login/callback", get(provider::callback::arrive))
        .route("/login/backchannel_logout", post(provider::backchannel::log_out))
        .route("/logout", get(logout::show).post(logout::submit))
        .route("/invite/{token}", get(invite::show).post(invite::submit))
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
}

#[cfg(test)]
mod tests;
