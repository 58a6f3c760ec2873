//! `GET /login/callback`: the browser is back from the provider. What it brings is shown nowhere.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderValue, header};
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::secret::{PlainToken, TokenKind};
use keyward_storage::login_attempts::{self, LoginAttempt};
use keyward_storage::users::User;
use keyward_storage::{identities, session_identities};
use keyward_vault::upstream::{Answer, LoginQuestion};
use serde::Deserialize;

use super::browser::BrowserSecret;
use super::person::{self, Person};
use super::problem::{LoginFailed, Unfinished};
use super::{Afterwards, LoginProvider, account, leave};
use crate::authorize;
use crate::login::next::Next;
use crate::page::input::Link;
use crate::session::{self, BY_PROVIDER, LoggedIn};
use crate::state::Issuer;

/// An authorization response (RFC 6749 §4.1.2, RFC 9207 §2).
#[derive(Deserialize)]
pub(crate) struct Query {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Query {
    /// What it answers; to which question is known.
    pub(crate) fn answer(self) -> Answer {
        let Self { code, iss, error, error_description, .. } = self;
        Answer { code, state: None, iss, error, error_description }
    }
}

pub(crate) async fn arrive(
    State(issuer): State<Issuer>,
    headers: HeaderMap,
    Link(query): Link<Query>,
) -> Result<Response, Unfinished> {
    let provider = issuer.provider.as_ref().ok_or(LoginFailed::NoProvider)?;
    let mut again = None;
    let finished = finish(&issuer, provider, &headers, query, &mut again).await;
    finished.map_err(|failed| {
        failed.record(&issuer, provider);
        Unfinished { failed, again }
    })
}

async fn finish(
    issuer: &Issuer,
    provider: &LoginProvider,
    headers: &HeaderMap,
    query: Query,
    begin_again: &mut Option<String>,
) -> Result<Response, LoginFailed> {
    // The question is taken first: whatever is wrong with an answer, no second one is heard.
    let state = query.state.as_deref().and_then(|state| PlainToken::parse(TokenKind::State, state));
    let state = state.ok_or(LoginFailed::NoQuestion)?;
    let attempt = login_attempts::take(&issuer.db, &state.hash()).await?;
    let attempt = attempt.filter(|attempt| issuer.clock.now() < attempt.expires_at).ok_or(LoginFailed::NoQuestion)?;
    let browser = BrowserSecret::read(issuer, headers).ok_or(LoginFailed::OtherBrowser)?;
    if !browser.hash().equals_in_constant_time(&attempt.browser) {
        return Err(LoginFailed::OtherBrowser);
    }
    *begin_again = Some(beginning(issuer, &attempt));
    let question = LoginQuestion {
        issuer: attempt.issuer,
        iss_required: attempt.iss_required,
        client_id: attempt.client_id,
        resource: attempt.resource,
        scope: attempt.scope,
    };
    let tokens = provider.connections.finish_login(question, query.answer(), &browser.code_verifier(&state)).await?;
    let person = person::of(issuer, provider, &tokens, &browser.nonce(&state)).await?;
    // A provider that does not say when is believed to have done as it was asked.
    if attempt.fresh && person.logged_in_by.is_some_and(|by| by < attempt.created_at) {
        return Err(LoginFailed::NotFresh);
    }
    let user = account::of(issuer, provider, &person).await?;
    // Before anything is open to them here: what ends a login is seen on this grant.
    let same_subject = !identities::has_another(&issuer.db, user.id, &person.issuer, &person.subject).await?;
    provider.connections.keep_login(user.id, &user.email, tokens, same_subject).await?;
    let (cookie, logged_in) = begin(issuer, headers, &user, &person).await?;
    let mut response = match attempt.allowed_request {
        Some(query) => match authorize::go_on(issuer, query, &logged_in).await {
            Ok(response) => response,
            Err(error) => error.into_response(),
        },
        None => Redirect::to(&attempt.next.unwrap_or_else(|| issuer.config.path("/account"))).into_response(),
    };
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

fn beginning(issuer: &Issuer, attempt: &LoginAttempt) -> String {
    let next = attempt.next.as_deref().and_then(|next| Next::parse(&issuer.config.public_url, next));
    let page = Afterwards::Page(next.as_ref());
    let afterwards = attempt.allowed_request.as_deref().map_or(page, Afterwards::AllowedRequest);
    leave::beginning(issuer, afterwards, attempt.fresh)
}

async fn begin(
    issuer: &Issuer,
    headers: &HeaderMap,
    user: &User,
    person: &Person,
) -> Result<(HeaderValue, LoggedIn), LoginFailed> {
    let now = issuer.clock.now();
    let mut tx = issuer.db.begin("login").await?;
    let (cookie, logged_in) = session::begin(issuer, &mut tx, headers, user, BY_PROVIDER).await?;
    let (at, subject, sid) = (&person.issuer, &person.subject, person.session_id.as_deref());
    session_identities::insert(&mut tx, logged_in.session_id, at, subject, sid).await?;
    identities::touch(&mut tx, at, subject, now).await?;
    let event = AuditEvent {
        user_email: Some(user.email.clone()),
        detail: Some(serde_json::json!({ "reason": "provider", "issuer": at }).to_string()),
        ..AuditEvent::new(now, Action::Login, AuditResult::Ok)
    };
    issuer.audit.commit(tx, [event]).await?;
    Ok((cookie, logged_in))
}
