//! The frame of every page that a person sees: layout, style sheet, and the headers that keep a page with a password
//! field or a consent button from being framed, cached, or given foreign content.
//!
//! There is no script anywhere and nothing is loaded: the sheet is in the page, allowed by its hash
//! (Content Security Policy Level 3 §6.7.3.3).

pub mod failure;
pub mod input;

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("page/style.css");

/// One page.
#[derive(Debug)]
pub struct Page<'a> {
    /// The title, which the window shows before the product's name.
    pub title: &'a str,
    /// What stands in the card.
    pub body: Markup,
    /// The status of the answer.
    pub status: StatusCode,
    /// How broad the card is.
    pub width: Width,
    /// Where the page's forms may lead.
    pub forms: Forms,
    /// The host that the person is at, shown at the foot.
    pub host: Option<&'a str>,
}

/// How broad a page's card is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One form.
    Narrow,
    /// Lists.
    Wide,
}

/// Where a page's forms may lead (`form-action`, Content Security Policy Level 3 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forms {
    /// To this server, and no further.
    Here,
    /// To this server, which then sends the browser to a client. Chromium applies `form-action` to each redirect that
    /// follows, also to those that the client's own callback makes, so the page cannot name the places.
    LeadAway,
}

impl<'a> Page<'a> {
    /// A narrow page with status 200 whose forms stay here.
    pub fn new(title: &'a str, body: Markup) -> Self {
        Self { title, body, status: StatusCode::OK, width: Width::Narrow, forms: Forms::Here, host: None }
    }
}

impl IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        let body = layout(&self).into_string();
        let mut response = (self.status, body).into_response();
        protect(response.headers_mut(), self.forms);
        response
    }
}

/// A page that says what went wrong and what to do about it.
pub fn problem(status: StatusCode, title: &str, paragraphs: &[&str]) -> Response {
    let body = html! {
        h1 { (title) }
        @for paragraph in paragraphs { p { (paragraph) } }
    };
    Page { status, ..Page::new(title, body) }.into_response()
}

fn layout(page: &Page<'_>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (page.title) " · Keyward" }
                link rel="icon" href=(ICON);
                style { (PreEscaped(STYLE)) }
            }
            body class=[(page.width == Width::Wide).then_some("wide")] {
                header.brand { (MARK) span { "Keyward" } }
                main { (page.body) }
                footer {
                    @if let Some(host) = page.host { p { "You are at " strong { (host) } "." } }
                }
            }
        }
    }
}

/// A key's bow and blade within a door's outline.
const MARK: PreEscaped<&str> = PreEscaped(
    r#"<svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"><path d="M5 21V8a7 7 0 0 1 14 0v13z"/><circle cx="12" cy="10" r="2.3"/><path d="M12 12.3V18m0-2.2h2"/></svg>"#,
);

const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' \
    stroke='%231a86a0' stroke-width='2' stroke-linecap='round' stroke-linejoin='round'%3E%3Cpath d='M5 21V8a7 7 0 0 1 14 \
    0v13z'/%3E%3Ccircle cx='12' cy='10' r='2.3'/%3E%3Cpath d='M12 12.3V18m0-2.2h2'/%3E%3C/svg%3E";

/// Marks an answer as one that is for this browser and this moment only.
pub fn no_store(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

fn protect(headers: &mut HeaderMap, forms: Forms) {
    let policy = match forms {
        Forms::Here => &POLICY_HERE,
        Forms::LeadAway => &POLICY_LEAD_AWAY,
    };
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::clone(policy));
    no_store(headers);
}

static POLICY_HERE: LazyLock<HeaderValue> = LazyLock::new(|| policy("; form-action 'self'"));
static POLICY_LEAD_AWAY: LazyLock<HeaderValue> = LazyLock::new(|| policy(""));

fn policy(form_action: &str) -> HeaderValue {
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let text = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; frame-ancestors 'none'{form_action}"
    );
    HeaderValue::from_str(&text).expect("a policy is ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'r>(response: &'r Response, name: &str) -> &'r str {
        response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    #[test]
    fn pages_cannot_be_framed_cached_or_scripted() {
        let response = Page::new("Log in", html! { p { "x" } }).into_response();
        let policy = header(&response, "content-security-policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&response, "x-frame-options"), "DENY");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
    }

    #[test]
    fn a_page_that_leads_to_a_client_names_no_form_target() {
        let page = Page { forms: Forms::LeadAway, ..Page::new("Allow", html! {}) };
        assert!(!header(&page.into_response(), "content-security-policy").contains("form-action"));
    }

    #[test]
    fn the_sheet_stands_in_the_page_as_it_was_hashed() {
        let page = Page::new("Title & more", html! { p { "<b>" } });
        let text = layout(&page).into_string();
        assert!(text.contains(&format!("<style>{STYLE}</style>")));
        assert!(text.contains("Title &amp; more · Keyward") && text.contains("&lt;b&gt;"));
    }
}
