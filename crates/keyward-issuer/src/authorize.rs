//! `/authorize` (RFC 6749 §3.1): a client sends a person's browser here, and gets it back with a code.

mod code;
mod decision;
mod error;
mod prompt;
mod request;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use keyward_storage::consents;

use crate::body::Form;
use crate::client::Origin;
use crate::consent::{self, Consent, Voucher, Who};
use crate::csrf::VisitForm;
use crate::login;
use crate::redirect_uri::RedirectKind;
use crate::session::{self, LoggedIn};
use crate::state::Issuer;
pub(crate) use decision::decide;
use error::{AuthorizeError, ReturnedError};
use request::{AuthorizeRequest, UnverifiedAuthorizeRequest};

/// `GET /authorize`.
pub(crate) async fn authorize(
    State(issuer): State<Issuer>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, AuthorizeError> {
    let request = UnverifiedAuthorizeRequest::new(query.unwrap_or_default()).verify(&issuer).await?;
    let Some(person) = session::current(&issuer, &headers).await? else {
        return match &issuer.provider {
            None => {
                request.unless_silent(ReturnedError::LoginRequired, || login::redirect(&issuer, &request.here(&issuer)))
            }
            Some(provider) => {
                let visit = VisitForm::new(&issuer, &headers)?;
                request.unless_silent(ReturnedError::LoginRequired, || {
                    let who = Who::Anybody { provider: &provider.name, csrf: &visit.token };
                    let page = ask(&issuer, &request, who);
                    visit.attach(page)
                })
            }
        };
    };
    if request.prompt.wants_fresh_login(person.auth_time, issuer.clock.now()) {
        let next = request.here_after_login(&issuer);
        return request.unless_silent(ReturnedError::LoginRequired, || login::redirect_again(&issuer, &next));
    }
    if may_skip_consent(&issuer, &request, &person).await? {
        return code::issue(&issuer, &request, &person, code::Decided::Before).await;
    }
    request.unless_silent(ReturnedError::ConsentRequired, || ask(&issuer, &request, Who::Person(&person)))
}

/// Goes on with a request that its person had allowed before they logged in, in the same browser and just now.
pub(crate) async fn go_on(issuer: &Issuer, query: String, person: &LoggedIn) -> Result<Response, AuthorizeError> {
    let request = UnverifiedAuthorizeRequest::new(query).verify(issuer).await?;
    code::issue(issuer, &request, person, code::Decided::Now).await
}

/// `POST /authorize` (OpenID Connect Core §3.1.2.1): the same parameters in a form. The browser comes again by GET, so
/// that the session's cookie, which does not cross sites with a POST, is there.
pub(crate) async fn authorize_by_form(State(issuer): State<Issuer>, Form(parameters): Form) -> Response {
    Redirect::to(&issuer.config.path(&format!("/authorize?{}", parameters.encoded()))).into_response()
}

/// A person who has said yes to the same before need not say it again, if it is certain that the same client asks: a
/// code for a loopback or private-use URI may go to any program on the machine (RFC 8252 §8.6).
async fn may_skip_consent(
    issuer: &Issuer,
    request: &AuthorizeRequest,
    person: &LoggedIn,
) -> Result<bool, AuthorizeError> {
    if request.prompt.consent() || request.redirect_uri.kind() != RedirectKind::Https {
        return Ok(false);
    }
    let resource = request.resource.as_str();
    let given = consents::find(&issuer.db, person.user_id, &request.client.client_id, resource).await?;
    Ok(given.is_some_and(|given| given.covers(&request.scopes)))
}

fn ask(issuer: &Issuer, request: &AuthorizeRequest, who: Who<'_>) -> Response {
    let client = &request.client;
    let voucher = match &client.origin {
        Origin::Document { host, pinned: false } => Voucher::Host(host),
        Origin::Document { host, pinned: true } => Voucher::PinnedCopyOf(host),
        Origin::Registered => Voucher::Nobody,
        Origin::Administrator => Voucher::Administrator,
    };
    let nameless =
        if let Voucher::Host(host) | Voucher::PinnedCopyOf(host) = voucher { host } else { &client.client_id };
    let consent = Consent {
        client_name: client.name.as_deref().unwrap_or(nameless),
        voucher,
        redirect_uri: request.redirect_uri.as_str(),
        server_name: &request.server_name,
        resource: &request.resource,
        scopes: &request.scopes,
        action: &issuer.config.path("/consent"),
        hidden: &[("request", &request.query)],
    };
    consent::page(issuer, who, &consent)
}

#[cfg(test)]
mod tests;
