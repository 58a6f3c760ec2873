//! `POST /account/end-session`: logs another browser out.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use keyward_core::id::SessionId;
use keyward_issuer::Issuer;
use keyward_issuer::page::failure::PageFailure;
use keyward_issuer::page::input::Fields;
use keyward_issuer::{csrf, login, session};
use serde::Deserialize;

/// What the button sends.
#[derive(Deserialize)]
pub(crate) struct EndSessionFields {
    #[serde(default)]
    csrf: String,
    session: SessionId,
}

pub(crate) async fn submit(
    State(issuer): State<Issuer>,
    headers: HeaderMap,
    Fields(fields): Fields<EndSessionFields>,
) -> Result<Response, PageFailure> {
    let account = issuer.config.path("/account");
    let Some(person) = session::current(&issuer, &headers).await? else {
        return Ok(login::redirect(&issuer, &account));
    };
    csrf::check(&issuer, &headers, Some(&person), &fields.csrf)?;
    // One that has ended already is not on the page that comes next either, so there is nothing to complain of.
    issuer.end_session(&person, fields.session).await?;
    Ok(Redirect::to(&account).into_response())
}
