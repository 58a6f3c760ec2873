//! `/login`, where people log in at a provider: one button, which leaves for there.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use keyward_core::peer::ClientAddress;
use maud::html;
use serde::Deserialize;

use super::LoginProvider;
use super::leave::{Afterwards, leave};
use super::problem::{LoginFailed, Unfinished};
use crate::csrf::{self, VisitForm};
use crate::login::next::Next;
use crate::page::input::Fields;
use crate::page::{Forms, Page};
use crate::state::Issuer;

/// The page.
pub(crate) fn show(
    issuer: &Issuer,
    provider: &LoginProvider,
    headers: &HeaderMap,
    next: Option<&Next>,
    again: bool,
) -> Result<Response, LoginFailed> {
    let config = &issuer.config;
    let visit = VisitForm::new(issuer, headers)?;
    let body = html! {
        h1 { "Log in" }
        p.soft { "to " strong { (config.host()) } }
        p.small.soft { "You log in at " (provider.name) " itself; this server never sees your password." }
        form method="post" action=(config.path("/login/provider")) {
            input type="hidden" name="csrf" value=(visit.token);
            @if let Some(next) = next { input type="hidden" name="next" value=(next.as_str()); }
            @if again { input type="hidden" name="again" value="1"; }
            button type="submit" data-login-provider { "Continue with " (provider.name) }
        }
    };
    // Chromium applies `form-action` to the redirects that follow.
    let page = Page { forms: Forms::LeadAway, host: Some(config.host()), ..Page::new("Log in", body) };
    Ok(visit.attach(page.into_response()))
}

/// What the button sends.
#[derive(Deserialize)]
pub(crate) struct GoFields {
    #[serde(default)]
    csrf: String,
    next: Option<String>,
    again: Option<String>,
}

/// `POST /login/provider`.
pub(crate) async fn go(
    State(issuer): State<Issuer>,
    address: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    Fields(fields): Fields<GoFields>,
) -> Result<Response, Unfinished> {
    let provider = issuer.provider.as_ref().ok_or(LoginFailed::NoProvider)?;
    csrf::check(&issuer, &headers, None, &fields.csrf)?;
    let next = fields.next.as_deref().and_then(|next| Next::parse(&issuer.config.public_url, next));
    let network = address.map(|Extension(address)| address.network());
    let afterwards = Afterwards::Page(next.as_ref());
    leave(&issuer, provider, &headers, network, afterwards, fields.again.is_some()).await
}
