//! `POST /connect/{id}`: the browser leaves for the provider.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use keyward_issuer::page::failure::PageFailure;
use keyward_issuer::page::input::Fields;
use keyward_issuer::{Issuer, csrf, login, session};
use keyward_vault::upstream::Connections;
use serde::Deserialize;

use super::{configured, problem, traveller};

/// What the button sends.
#[derive(Deserialize)]
pub(crate) struct GoFields {
    #[serde(default)]
    csrf: String,
}

pub(crate) async fn submit(
    State(issuer): State<Issuer>,
    State(connections): State<Connections>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Fields(fields): Fields<GoFields>,
) -> Result<Response, PageFailure> {
    let Some(config) = configured(&connections, &id) else { return Ok(problem::unknown()) };
    let path = issuer.config.path(&format!("/connect/{}", config.id));
    let Some(person) = session::current(&issuer, &headers).await? else { return Ok(login::redirect(&issuer, &path)) };
    csrf::check(&issuer, &headers, Some(&person), &fields.csrf)?;
    match connections.start(&config.id, &traveller(&person)).await {
        Ok(url) => Ok(Redirect::to(url.as_str()).into_response()),
        Err(error) => Ok(problem::page(&issuer, config, &error)),
    }
}
