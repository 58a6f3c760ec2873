//! The login page.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use maud::html;

use crate::login::next::Next;
use crate::page::{Forms, Page};
use crate::state::Issuer;

/// What the page shows.
pub(crate) struct LoginForm<'a> {
    pub(crate) csrf: &'a str,
    pub(crate) next: Option<&'a Next>,
    pub(crate) email: &'a str,
    pub(crate) complaint: Option<Complaint>,
}

/// Why the last attempt did not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Complaint {
    /// What was typed is no e-mail address.
    NoAddress,
    /// Address and password do not belong together. Which of them is wrong is not said.
    Wrong,
    /// The password was right, but the account is closed.
    Closed,
    /// Too many failures before.
    TooSoon(Duration),
}

impl Complaint {
    fn status(self) -> StatusCode {
        match self {
            Self::NoAddress => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Wrong | Self::Closed => StatusCode::FORBIDDEN,
            Self::TooSoon(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn text(self) -> String {
        match self {
            Self::NoAddress => "This is not an e-mail address. Check it for typing mistakes.".to_owned(),
            Self::Wrong => "E-mail address and password do not belong together. Check both and try again.".to_owned(),
            Self::Closed => "This account is closed. Whoever runs this server can tell you more.".to_owned(),
            Self::TooSoon(wait) => {
                format!("Too many attempts have failed. Wait {}, then try again.", in_words(wait))
            }
        }
    }
}

/// A wait in whole seconds or minutes, rounded up.
fn in_words(wait: Duration) -> String {
    let seconds = wait.as_millis().div_ceil(1000).max(1);
    let (count, unit) = if seconds < 120 { (seconds, "second") } else { (seconds.div_ceil(60), "minute") };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

impl LoginForm<'_> {
    /// The page, with the status that the complaint asks for.
    pub(crate) fn page(&self, issuer: &Issuer) -> Response {
        let config = &issuer.config;
        let body = html! {
            h1 { "Log in" }
            p.soft { "with your account on " strong { (config.host()) } }
            @if let Some(complaint) = self.complaint {
                p.notice.error role="alert" id="complaint" { (complaint.text()) }
            }
            form method="post" action=(config.path("/login")) {
                input type="hidden" name="csrf" value=(self.csrf);
                @if let Some(next) = self.next { input type="hidden" name="next" value=(next.as_str()); }
                div.field {
                    label for="email" { "E-mail address" }
                    input #email type="email" name="email" value=(self.email) autocomplete="username" required
                        autofocus[self.email.is_empty()] autocapitalize="none" spellcheck="false"
                        aria-describedby=[self.complaint.map(|_| "complaint")];
                }
                div.field {
                    label for="password" { "Password" }
                    input #password type="password" name="password" autocomplete="current-password" required
                        autofocus[!self.email.is_empty()];
                }
                button type="submit" { "Log in" }
            }
        };
        let leads_away = self.next.is_some_and(|next| next.leads_to(&config.path("/authorize")));
        let forms = if leads_away { Forms::LeadAway } else { Forms::Here };
        let status = self.complaint.map_or(StatusCode::OK, Complaint::status);
        let page = Page { status, forms, host: Some(config.host()), ..Page::new("Log in", body) };
        let mut response = page.into_response();
        if let Some(Complaint::TooSoon(wait)) = self.complaint {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up() {
        let words = |millis| in_words(Duration::from_millis(millis));
        assert_eq!([words(0), words(1_001), words(119_000)], ["1 second", "2 seconds", "119 seconds"]);
        assert_eq!([words(120_000), words(241_000)], ["2 minutes", "5 minutes"]);
    }
}
