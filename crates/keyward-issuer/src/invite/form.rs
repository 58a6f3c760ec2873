//! The page where a person makes their account.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::html;

use crate::account::new_password::SHORTEST;
use crate::page::Page;
use crate::state::Issuer;

/// What the page shows.
pub(crate) struct InviteForm<'a> {
    pub(crate) csrf: &'a str,
    pub(crate) token: &'a str,
    /// The address that the link is for.
    pub(crate) fixed_email: Option<&'a str>,
    /// What was typed where the link is for nobody in particular.
    pub(crate) typed_email: &'a str,
    /// Whether there is an account already, which gets a new password.
    pub(crate) is_reset: bool,
    pub(crate) is_admin: bool,
    pub(crate) complaint: Option<&'a str>,
}

impl InviteForm<'_> {
    /// The page.
    pub(crate) fn page(&self, issuer: &Issuer) -> Response {
        let config = &issuer.config;
        let (title, button) = if self.is_reset {
            ("Choose a new password", "Save and log in")
        } else {
            ("Create your account", "Create account")
        };
        let body = html! {
            h1 { (title) }
            p.soft {
                @if self.is_reset {
                    "for your account on " strong { (config.host()) } ". You are logged out everywhere else."
                } @else {
                    "on " strong { (config.host()) }
                    @if self.is_admin { ", as an administrator" }
                    ". The link that brought you here works once."
                }
            }
            @if let Some(complaint) = self.complaint {
                p.notice.error role="alert" id="complaint" { (complaint) }
            }
            form method="post" action=(config.path(&format!("/invite/{}", self.token))) {
                input type="hidden" name="csrf" value=(self.csrf);
                div.field {
                    label for="email" { "E-mail address" }
                    input #email type="email" name="email" value=(self.fixed_email.unwrap_or(self.typed_email))
                        readonly[self.fixed_email.is_some()] autofocus[self.fixed_email.is_none()]
                        autocomplete="username" autocapitalize="none" spellcheck="false" required;
                    @if self.fixed_email.is_none() {
                        p.hint { "You log in with it. No mail is sent to it." }
                    }
                }
                div.field {
                    label for="password" { "Password" }
                    input #password type="password" name="password" autocomplete="new-password" required
                        minlength=(SHORTEST) aria-describedby="password-hint" autofocus[self.fixed_email.is_some()];
                    p.hint id="password-hint" {
                        "At least " (SHORTEST) " characters. A few words that only you would put together do well."
                    }
                }
                div.field {
                    label for="password_again" { "Password again" }
                    input #password_again type="password" name="password_again" autocomplete="new-password" required;
                }
                button type="submit" { (button) }
            }
        };
        let status = if self.complaint.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Page { status, host: Some(config.host()), ..Page::new(title, body) }.into_response()
    }
}
