//! Proof that a form was sent from a page of ours, to this browser (OWASP's signed double submit, bound to the session).
//!
//! The token is an HMAC under the browser's own cookie, so it needs no key and no storage, holds across restarts and
//! replicas, and ends with the session. Before anyone is logged in, a cookie of the visit stands in for the session's.

use aws_lc_rs::hmac;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use keyward_core::random::RandomFailed;
use keyward_core::secret::{PlainToken, TokenKind};
use url::Url;

use crate::cookie::Cookie;
use crate::page;
use crate::session::LoggedIn;
use crate::state::Issuer;

/// A form that did not come from a page of ours in this browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the form did not come from a page of this server in this browser")]
pub struct CsrfRefused;

impl IntoResponse for CsrfRefused {
    fn into_response(self) -> Response {
        page::problem(
            StatusCode::FORBIDDEN,
            "This form can’t be used any more",
            &[
                "It was opened before you logged in or out, it came from another site, or your browser does not keep \
                 cookies for this one.",
                "Go back, reload the page, and try again. Nothing was changed.",
            ],
        )
    }
}

/// The token for forms of a session.
pub(crate) fn of_session(session: &PlainToken) -> String {
    sign(session, b"keyward csrf session v1")
}

fn of_visit(visit: &PlainToken) -> String {
    sign(visit, b"keyward csrf visit v1")
}

fn sign(cookie: &PlainToken, label: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, cookie.expose_secret().as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, label))
}

/// What a form needs while nobody is logged in.
pub(crate) struct VisitForm {
    /// The value of its `csrf` field.
    pub(crate) token: String,
    set_cookie: Option<HeaderValue>,
}

impl VisitForm {
    /// For the browser that sent `headers`; it keeps the cookie that it has, so that two open tabs both work.
    pub(crate) fn new(issuer: &Issuer, headers: &HeaderMap) -> Result<Self, RandomFailed> {
        if let Some(visit) = Cookie::Visit.read(&issuer.config, headers) {
            return Ok(Self { token: of_visit(&visit), set_cookie: None });
        }
        let visit = PlainToken::generate(TokenKind::Session, &issuer.random)?;
        let set_cookie = Some(Cookie::Visit.set(&issuer.config, &visit, None));
        Ok(Self { token: of_visit(&visit), set_cookie })
    }

    /// Hands the page out together with its cookie.
    pub(crate) fn attach(self, page: impl IntoResponse) -> Response {
        let mut response = page.into_response();
        if let Some(cookie) = self.set_cookie {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// Checks that a form came from a page of ours: by what the browser says about its origin, and by its `csrf` field.
/// `session` is who is logged in; forms made while nobody was are bound to the visit.
pub fn check(issuer: &Issuer, headers: &HeaderMap, session: Option<&LoggedIn>, token: &str) -> Result<(), CsrfRefused> {
    if !same_origin(&issuer.config.public_url, headers) {
        return Err(CsrfRefused);
    }
    let expected = match session {
        Some(session) => session.csrf.clone(),
        None => of_visit(&Cookie::Visit.read(&issuer.config, headers).ok_or(CsrfRefused)?),
    };
    aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), token.as_bytes()).map_err(|_| CsrfRefused)
}

/// `Sec-Fetch-Site` (Fetch Metadata §2.4) and `Origin` (Fetch §3.2) as far as the browser sends them. The pages'
/// `Referrer-Policy: no-referrer` makes browsers send `Origin: null` with their own forms, so that value says nothing.
fn same_origin(public_url: &str, headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    match headers.get(header::ORIGIN).map(HeaderValue::to_str) {
        None | Some(Ok("null")) => true,
        Some(Ok(origin)) => Url::parse(public_url)
            .is_ok_and(|own| own.origin().is_tuple() && own.origin().ascii_serialization() == origin),
        Some(Err(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().expect("header"));
        }
        same_origin("https://mcp.example.com", &headers)
    }

    #[test]
    fn the_browser_is_believed_about_foreign_forms() {
        assert!(says(&[]));
        assert!(says(&[("origin", "null")]));
        assert!(says(&[("origin", "https://mcp.example.com")]));
        assert!(says(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(!says(&[("origin", "https://evil.example")]));
        assert!(!says(&[("origin", "https://mcp.example.com.evil.example")]));
        for site in ["cross-site", "same-site", "none"] {
            assert!(!says(&[("sec-fetch-site", site), ("origin", "null")]), "{site}");
        }
    }

    #[test]
    fn tokens_of_session_and_visit_differ() {
        let cookie = PlainToken::generate(TokenKind::Session, &keyward_core::random::Random::system()).expect("random");
        assert_ne!(of_session(&cookie), of_visit(&cookie));
        assert_eq!(of_session(&cookie).len(), 43);
    }
}
