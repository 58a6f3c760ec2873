//! A browser leaves for the provider. Whatever it was to ask of the person here has been asked.

use std::net::IpAddr;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use keyward_core::secret::{PlainToken, TokenKind};
use keyward_storage::login_attempts::{self, LoginAttempt};
use keyward_vault::upstream::{ConnectError, Departure};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::browser::{BrowserSecret, LIFETIME};
use super::problem::{LoginFailed, Unfinished};
use super::{Identity, LoginProvider};
use crate::login::next::Next;
use crate::state::Issuer;

/// Where a browser goes when it is back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Afterwards<'a> {
    /// To a page of ours; without one, to the account.
    Page(Option<&'a Next>),
    /// Back to a client with a code: its person has allowed the authorization request with this query.
    AllowedRequest(&'a str),
}

/// Where a way to there begins that came to nothing.
pub(super) fn beginning(issuer: &Issuer, afterwards: Afterwards<'_>, again: bool) -> String {
    let next = match afterwards {
        Afterwards::AllowedRequest(query) => return issuer.config.path(&format!("/authorize?{query}")),
        Afterwards::Page(next) => next.map_or("", Next::as_str),
    };
    let next = utf8_percent_encode(next, NON_ALPHANUMERIC);
    issuer.config.path(&format!("/login?next={next}{}", if again { "&again=1" } else { "" }))
}

/// Sends a browser away. The cookie that it gets is the first that has to do with the provider.
pub(crate) async fn leave(
    issuer: &Issuer,
    provider: &LoginProvider,
    headers: &HeaderMap,
    network: Option<IpAddr>,
    afterwards: Afterwards<'_>,
    again: bool,
) -> Result<Response, Unfinished> {
    let left = depart(issuer, provider, headers, network, afterwards, again).await;
    left.map_err(|failed| {
        failed.tell(issuer);
        Unfinished { failed, again: Some(beginning(issuer, afterwards, again)) }
    })
}

async fn depart(
    issuer: &Issuer,
    provider: &LoginProvider,
    headers: &HeaderMap,
    network: Option<IpAddr>,
    afterwards: Afterwards<'_>,
    again: bool,
) -> Result<Response, LoginFailed> {
    let now = issuer.clock.now();
    issuer.departures.take(network, now).map_err(LoginFailed::TooMany)?;
    let (browser, cookie) = BrowserSecret::keep_or_make(issuer, headers)?;
    let state = PlainToken::generate(TokenKind::State, &issuer.random)?;
    let nonce = matches!(provider.identity, Identity::OpenId(_)).then(|| browser.nonce(&state));
    let departure = Departure {
        state: &state,
        nonce: nonce.as_deref(),
        code_verifier: &browser.code_verifier(&state),
        again,
        resource: provider.resource.as_deref(),
    };
    let (url, question) = provider.connections.start_login(&departure).await?;
    let location = HeaderValue::try_from(url.as_str()).map_err(|_| ConnectError::Unknown)?;
    let (next, allowed_request) = match afterwards {
        Afterwards::Page(next) => (next.map(|next| next.as_str().to_owned()), None),
        Afterwards::AllowedRequest(query) => (None, Some(query.to_owned())),
    };
    let attempt = LoginAttempt {
        browser: browser.hash(),
        issuer: question.issuer,
        iss_required: question.iss_required,
        client_id: question.client_id,
        resource: question.resource,
        scope: question.scope,
        fresh: again,
        next,
        allowed_request,
        created_at: now,
        expires_at: now.plus(Duration::from_secs(LIFETIME)),
    };
    let mut tx = issuer.db.begin("login.leave").await?;
    login_attempts::insert(&mut tx, &state.hash(), &attempt).await?;
    tx.commit().await?;
    let headers = [
        (LOCATION, location),
        (SET_COOKIE, cookie),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}
