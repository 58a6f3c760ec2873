//! `/login`: by e-mail address and password, or at a provider.

mod form;
pub(crate) mod next;
pub mod password;
pub mod provider;
mod throttle;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, header};
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::peer::ClientAddress;
use keyward_storage::passwords;
use keyward_storage::users::User;
use serde::Deserialize;

use crate::account::email::EmailAddress;
use crate::csrf::{self, VisitForm};
use crate::login::form::{Complaint, LoginForm};
use crate::login::next::Next;
use crate::login::password::Verdict;
use crate::page::failure::PageFailure;
use crate::page::input::{Fields, Link, TypedPassword};
use crate::session;
use crate::state::Issuer;

/// Sends a person to log in, and from there to `next`, a path of ours.
pub fn redirect(issuer: &Issuer, next: &str) -> Response {
    redirect_with(issuer, next, "")
}

/// Like [`redirect`], but also somebody who is logged in has to prove it again (OpenID Connect Core §3.1.2.1,
/// `prompt=login` and `max_age`); the session that results is a new one with its own time.
pub fn redirect_again(issuer: &Issuer, next: &str) -> Response {
    redirect_with(issuer, next, "&again=1")
}

fn redirect_with(issuer: &Issuer, next: &str, more: &str) -> Response {
    let next = percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC);
    Redirect::to(&issuer.config.path(&format!("/login?next={next}{more}"))).into_response()
}

/// What a link to the page says.
#[derive(Deserialize)]
pub(crate) struct LoginLink {
    next: Option<String>,
    again: Option<String>,
}

/// `GET /login`.
pub(crate) async fn show(
    State(issuer): State<Issuer>,
    headers: HeaderMap,
    Link(link): Link<LoginLink>,
) -> Result<Response, PageFailure> {
    let next = link.next.as_deref().and_then(|next| Next::parse(&issuer.config.public_url, next));
    if link.again.is_none() && session::current(&issuer, &headers).await?.is_some() {
        return Ok(Redirect::to(&target(&issuer, next.as_ref())).into_response());
    }
    if let Some(provider) = &issuer.provider {
        let page = provider::show(&issuer, provider, &headers, next.as_ref(), link.again.is_some());
        return Ok(page.unwrap_or_else(IntoResponse::into_response));
    }
    let visit = VisitForm::new(&issuer, &headers)?;
    let form = LoginForm { csrf: &visit.token, next: next.as_ref(), email: "", complaint: None };
    let page = form.page(&issuer);
    Ok(visit.attach(page))
}

/// What the form sends.
#[derive(Deserialize)]
pub(crate) struct LoginFields {
    email: String,
    password: TypedPassword,
    #[serde(default)]
    csrf: String,
    next: Option<String>,
}

/// `POST /login`.
pub(crate) async fn submit(
    State(issuer): State<Issuer>,
    address: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    Fields(fields): Fields<LoginFields>,
) -> Result<Response, PageFailure> {
    if let Some(provider) = &issuer.provider {
        return Ok(provider::no_passwords(provider));
    }
    csrf::check(&issuer, &headers, None, &fields.csrf)?;
    let next = fields.next.as_deref().and_then(|next| Next::parse(&issuer.config.public_url, next));
    let again = |complaint| {
        let complaint = Some(complaint);
        LoginForm { csrf: &fields.csrf, next: next.as_ref(), email: &fields.email, complaint }.page(&issuer)
    };
    let Ok(email) = EmailAddress::parse(&fields.email) else { return Ok(again(Complaint::NoAddress)) };

    let attempt = match throttle::admit(&issuer, &email, address.map(|Extension(address)| address)).await? {
        Ok(attempt) => attempt,
        // Not recorded in the audit log: the password was not looked at, and a flood must not become one there.
        Err(too_soon) => return Ok(again(Complaint::TooSoon(too_soon.wait))),
    };

    let (user, stored) = passwords::of_email(&issuer.db, email.as_str()).await?.unzip();
    let stored = stored.flatten();
    let verdict = issuer.passwords.verify(fields.password.0, stored.clone(), &issuer.random).await?;
    let (user, upgraded) = match (user, verdict) {
        (Some(user), Verdict::Right { upgraded }) => (user, upgraded),
        (user, _) => {
            let reason = if user.is_some() { "wrong password" } else { "no account" };
            issuer.audit.record(event(&issuer, user.as_ref(), AuditResult::Denied, reason));
            return Ok(again(Complaint::Wrong));
        }
    };
    if user.disabled_at.is_some() {
        issuer.audit.record(event(&issuer, Some(&user), AuditResult::Denied, "account closed"));
        return Ok(again(Complaint::Closed));
    }

    let now = issuer.clock.now();
    let mut tx = issuer.db.begin("login").await?;
    if let (Some(old), Some(new)) = (stored, upgraded) {
        passwords::upgrade(&mut tx, user.id, &old, &new, now).await?;
    }
    attempt.succeeded(&mut tx).await?;
    let cookie = session::start(&issuer, &mut tx, &headers, &user, "pwd").await?;
    issuer.audit.commit(tx, [event(&issuer, Some(&user), AuditResult::Ok, "password")]).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&target(&issuer, next.as_ref()))).into_response())
}

fn target(issuer: &Issuer, next: Option<&Next>) -> String {
    next.map_or_else(|| issuer.config.path("/account"), |next| next.as_str().to_owned())
}

fn event(issuer: &Issuer, user: Option<&User>, result: AuditResult, reason: &str) -> AuditEvent {
    AuditEvent {
        user_email: user.map(|user| user.email.clone()),
        detail: Some(serde_json::json!({ "reason": reason }).to_string()),
        ..AuditEvent::new(issuer.clock.now(), Action::Login, result)
    }
}
