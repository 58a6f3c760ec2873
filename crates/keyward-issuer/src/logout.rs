//! `/logout`: ends the browser's session. Connections that clients have stay; they are ended one by one.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, header};
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_storage::sessions;
use serde::Deserialize;

use crate::cookie::Cookie;
use crate::page::failure::PageFailure;
use crate::page::input::Fields;
use crate::state::Issuer;
use crate::{csrf, session};

/// What the button sends.
#[derive(Deserialize)]
pub(crate) struct LogoutFields {
    #[serde(default)]
    csrf: String,
}

/// `POST /logout`.
pub(crate) async fn submit(
    State(issuer): State<Issuer>,
    headers: HeaderMap,
    Fields(fields): Fields<LogoutFields>,
) -> Result<Response, PageFailure> {
    if let Some(person) = session::current(&issuer, &headers).await? {
        csrf::check(&issuer, &headers, Some(&person), &fields.csrf)?;
        let now = issuer.clock.now();
        let mut tx = issuer.db.begin("logout").await?;
        sessions::end(&mut tx, person.session_id, person.user_id, now).await?;
        let event =
            AuditEvent { user_email: Some(person.email), ..AuditEvent::new(now, Action::Logout, AuditResult::Ok) };
        issuer.audit.commit(tx, [event]).await?;
    }
    let mut answer = Redirect::to(&issuer.config.path("/login")).into_response();
    // A form of another site comes without the cookie (`SameSite`), so nothing of it was checked, and must not take the
    // cookie away either.
    if Cookie::Session.read(&issuer.config, &headers).is_some() {
        answer.headers_mut().insert(header::SET_COOKIE, Cookie::Session.clear(&issuer.config));
    }
    Ok(answer)
}

/// `GET /logout`: a link cannot log anybody out; the account page has the button.
pub(crate) async fn show(State(issuer): State<Issuer>) -> Redirect {
    Redirect::to(&issuer.config.path("/account"))
}
