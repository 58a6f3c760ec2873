//! `GET /connect/{id}/callback`: the browser is back from the provider. What it brings is shown nowhere; the page that
//! comes next has an address without it.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use keyward_issuer::page::failure::PageFailure;
use keyward_issuer::page::input::Link;
use keyward_issuer::{Issuer, session};
use keyward_vault::upstream::{Answer, Connections};
use serde::Deserialize;

use super::{configured, problem, traveller};

/// An authorization response (RFC 6749 §4.1.2, RFC 9207 §2).
#[derive(Deserialize)]
pub(crate) struct Query {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

pub(crate) async fn arrive(
    State(issuer): State<Issuer>,
    State(connections): State<Connections>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Link(query): Link<Query>,
) -> Result<Response, PageFailure> {
    let Some(config) = configured(&connections, &id) else { return Ok(problem::unknown()) };
    let Some(person) = session::current(&issuer, &headers).await? else {
        return Ok(problem::logged_out(&issuer, config));
    };
    let Query { code, state, iss, error, error_description } = query;
    let answer = Answer { code, state, iss, error, error_description };
    match connections.finish(&config.id, &traveller(&person), answer).await {
        Ok(()) => Ok(Redirect::to(&issuer.config.path(&format!("/connect/{}", config.id))).into_response()),
        Err(error) => Ok(problem::page(&issuer, config, &error)),
    }
}
