//! `POST /connect/{id}/end`: a person's grant is given back and forgotten. It works for connections that are configured no
//! more, too.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use keyward_core::id::ConnectionId;
use keyward_issuer::page::failure::PageFailure;
use keyward_issuer::page::input::Fields;
use keyward_issuer::{Issuer, csrf, login, session};
use keyward_vault::upstream::{Connections, LOGIN};
use serde::Deserialize;

use super::problem;

/// What the button sends.
#[derive(Deserialize)]
pub(crate) struct EndFields {
    #[serde(default)]
    csrf: String,
}

pub(crate) async fn submit(
    State(issuer): State<Issuer>,
    State(connections): State<Connections>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Fields(fields): Fields<EndFields>,
) -> Result<Response, PageFailure> {
    let account = issuer.config.path("/account");
    // A person does not take away what tells whether their login still stands.
    let id = id.parse::<ConnectionId>().ok().filter(|id| id.as_str() != LOGIN);
    let Some(id) = id else { return Ok(problem::unknown()) };
    let Some(person) = session::current(&issuer, &headers).await? else {
        return Ok(login::redirect(&issuer, &account));
    };
    csrf::check(&issuer, &headers, Some(&person), &fields.csrf)?;
    // One that has ended already is not on the page that comes next either, so there is nothing to complain of.
    match connections.end(&id, person.user_id, Some(&person.email)).await {
        Ok(_) => Ok(Redirect::to(&account).into_response()),
        Err(error) => Ok(problem::ours(&error)),
    }
}
