//! `/logout`: ends the browser's session. Connections that clients have stay; they are ended one by one.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, header};
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_storage::{codes, session_identities, sessions};
use maud::html;
use serde::Deserialize;
use url::Url;

use crate::cookie::Cookie;
use crate::login::provider::Identity;
use crate::page::Page;
use crate::page::failure::PageFailure;
use crate::page::input::Fields;
use crate::session::LoggedIn;
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
    let mut elsewhere = None;
    if let Some(person) = session::current(&issuer, &headers).await? {
        csrf::check(&issuer, &headers, Some(&person), &fields.csrf)?;
        elsewhere = still_logged_in_at(&issuer, &person).await?;
        let now = issuer.clock.now();
        let mut tx = issuer.db.begin("logout").await?;
        sessions::end(&mut tx, person.session_id, person.user_id, now).await?;
        codes::end_of_session(&mut tx, person.session_id, now).await?;
        let event =
            AuditEvent { user_email: Some(person.email), ..AuditEvent::new(now, Action::Logout, AuditResult::Ok) };
        issuer.audit.commit(tx, [event]).await?;
    }
    let mut answer = match elsewhere {
        Some((name, url)) => logged_out(&issuer, &name, &url),
        None => Redirect::to(&issuer.config.path("/login")).into_response(),
    };
    // A form of another site comes without the cookie (`SameSite`), so nothing of it was checked, and must not take the
    // cookie away either.
    if Cookie::Session.read(&issuer.config, &headers).is_some() {
        answer.headers_mut().insert(header::SET_COOKIE, Cookie::Session.clear(&issuer.config));
    }
    Ok(answer)
}

/// Where a person stays logged in whose session came from a login at the provider, and the page there to log out
/// (OpenID Connect RP-Initiated Logout §2). Whether they want that is theirs to say: other programs use that login, too.
async fn still_logged_in_at(issuer: &Issuer, person: &LoggedIn) -> Result<Option<(String, Url)>, PageFailure> {
    let Some(provider) = &issuer.provider else { return Ok(None) };
    let Identity::OpenId(party) = &provider.identity else { return Ok(None) };
    if !session_identities::is_there(&issuer.db, person.session_id).await? {
        return Ok(None);
    }
    // Logging out here does not wait for a provider that cannot be asked.
    let Ok(Some(mut url)) = provider.connections.end_session_endpoint().await else { return Ok(None) };
    url.query_pairs_mut().append_pair("client_id", &party.client_id);
    Ok(Some((provider.name.clone(), url)))
}

fn logged_out(issuer: &Issuer, name: &str, url: &Url) -> Response {
    let body = html! {
        h1 { "You are logged out" }
        p { "You may still be logged in at " strong { (name) } ", where you logged in." }
        p { a href=(url) data-end-session { "Log out at " (name) ", too" } }
        p.after { a href=(issuer.config.path("/login")) { "Log in again" } }
    };
    Page { host: Some(issuer.config.host()), ..Page::new("Logged out", body) }.into_response()
}

/// `GET /logout`: a link cannot log anybody out; the account page has the button.
pub(crate) async fn show(State(issuer): State<Issuer>) -> Redirect {
    Redirect::to(&issuer.config.path("/account"))
}
