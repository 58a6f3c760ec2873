//! What can go wrong on the way through a provider, and what a person reads then.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::random::RandomFailed;
use keyward_resource::StatementError;
use keyward_storage::StorageError;
use keyward_vault::upstream::{AboutError, ConnectError, TokenError};
use maud::html;

use super::LoginProvider;
use crate::csrf::CsrfRefused;
use crate::page::failure::PageFailure;
use crate::page::{self, Page};
use crate::state::Issuer;

/// Why nobody is logged in. No variant holds a token or a code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginFailed {
    // The browser's, or whoever sent it.
    #[error("people do not log in at a provider here")]
    NoProvider,
    #[error("the answer is to no question that is open")]
    NoQuestion,
    #[error("the question was asked in another browser")]
    OtherBrowser,
    #[error("too many browsers are on their way")]
    TooMany(Duration),

    // The person's.
    #[error("the provider has verified no e-mail address of theirs")]
    NoVerifiedEmail,
    #[error("{0} was not invited")]
    NotInvited(String),
    #[error("{0} has an account already, of another login")]
    NotLinked(String),
    #[error("they were to log in anew, and had logged in before they were asked")]
    NotFresh,
    #[error("the account of {0} is closed")]
    Closed(String),

    // The provider's.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the provider gave no ID token")]
    NoIdToken,
    #[error("the ID token is not believed: {0}")]
    Statement(#[from] StatementError),
    #[error(transparent)]
    About(#[from] AboutError),
    #[error("what the provider says of the person cannot be read")]
    AboutMalformed,
    #[error("what the provider says is of somebody else")]
    OtherSubject,

    // Ours.
    #[error("somebody else did the same at this moment")]
    Raced,
    #[error(transparent)]
    Page(#[from] PageFailure),
}

impl From<StorageError> for LoginFailed {
    fn from(error: StorageError) -> Self {
        Self::Page(error.into())
    }
}

impl From<RandomFailed> for LoginFailed {
    fn from(error: RandomFailed) -> Self {
        Self::Page(error.into())
    }
}

impl From<CsrfRefused> for LoginFailed {
    fn from(error: CsrfRefused) -> Self {
        Self::Page(error.into())
    }
}

impl LoginFailed {
    /// Says why nobody can be sent to the provider. Any browser can ask for that.
    pub(super) fn tell(&self, issuer: &Issuer) {
        let Self::Connect(error) = self else { return };
        let error = error.to_string();
        if let Some(left_out) = issuer.log_limit.admit(&error, issuer.clock.now()) {
            tracing::warn!(error, left_out, "people cannot be sent to the provider to log in");
        }
    }

    /// Writes down that nobody was logged in. What anybody can send without having asked is not recorded: a flood must not
    /// become one in the audit log.
    pub(super) fn record(&self, issuer: &Issuer, provider: &LoginProvider) {
        use ConnectError::{Denied, OtherIssuer};
        let result = match self {
            Self::NoProvider | Self::NoQuestion | Self::TooMany(_) => return,
            Self::OtherBrowser
            | Self::NoVerifiedEmail
            | Self::NotInvited(_)
            | Self::NotLinked(_)
            | Self::NotFresh
            | Self::Closed(_)
            | Self::Statement(_)
            | Self::OtherSubject
            | Self::Connect(Denied | OtherIssuer) => AuditResult::Denied,
            _ => AuditResult::Failed,
        };
        tracing::warn!(provider = provider.name, error = %self, "a login at the provider came to nothing");
        let email = match self {
            Self::NotInvited(email) | Self::NotLinked(email) | Self::Closed(email) => Some(email.clone()),
            _ => None,
        };
        issuer.audit.record(AuditEvent {
            user_email: email,
            detail: Some(serde_json::json!({ "reason": self.to_string(), "provider": provider.name }).to_string()),
            ..AuditEvent::new(issuer.clock.now(), Action::Login, result)
        });
    }
}

/// A way that came to nothing, and where to begin it again, if that is known.
#[derive(Debug)]
pub(crate) struct Unfinished {
    pub(super) failed: LoginFailed,
    /// A path of ours.
    pub(super) again: Option<String>,
}

impl<T: Into<LoginFailed>> From<T> for Unfinished {
    fn from(failed: T) -> Self {
        Self { failed: failed.into(), again: None }
    }
}

impl IntoResponse for Unfinished {
    fn into_response(self) -> Response {
        self.failed.page(self.again.as_deref())
    }
}

impl IntoResponse for LoginFailed {
    fn into_response(self) -> Response {
        self.page(None)
    }
}

/// What a person reads who cannot be told where to begin again.
const AGAIN: &str = "Go back to where you began, and begin again. Nothing was changed.";

impl LoginFailed {
    /// Whether the provider was not heard of at all.
    fn is_silence(&self) -> bool {
        match self {
            Self::Connect(ConnectError::Discovery(error)) => error.is_silence(),
            Self::Connect(ConnectError::Token(TokenError::Unanswered(_)))
            | Self::About(AboutError::Unanswered { .. }) => true,
            Self::Statement(StatementError::Token(error)) => *error == keyward_resource::TokenError::KeysUnavailable,
            _ => false,
        }
    }

    fn page(self, again: Option<&str>) -> Response {
        let (status, title, paragraphs): (_, _, Vec<String>) = match self {
            Self::Page(failure) => return failure.into_response(),
            Self::NoProvider => (
                StatusCode::NOT_FOUND,
                "Nothing here",
                vec!["People log in at this server by password. Its login page is where you want to go.".to_owned()],
            ),
            Self::NoQuestion => (
                StatusCode::BAD_REQUEST,
                "This login has ended",
                vec!["It took longer than ten minutes, or was finished already.".to_owned(), AGAIN.to_owned()],
            ),
            Self::OtherBrowser => (
                StatusCode::FORBIDDEN,
                "This login was begun in another browser",
                vec![
                    "If somebody sent you the link that led here, do not use it: it would have logged you in as them."
                        .to_owned(),
                    "If you began this yourself, your browser may not keep cookies for this site.".to_owned(),
                ],
            ),
            Self::TooMany(wait) => {
                let paragraphs = ["Many people are logging in at this moment. Wait a few seconds, go back, and try again."];
                let mut response = page::problem(StatusCode::TOO_MANY_REQUESTS, "Too busy just now", &paragraphs);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
                return response;
            }
            Self::NoVerifiedEmail => (
                StatusCode::FORBIDDEN,
                "Your e-mail address isn’t verified",
                vec![
                    "Where you logged in, no e-mail address of yours is verified, so this server can’t tell which account is \
                     yours. Verify your address there, then log in again."
                        .to_owned(),
                ],
            ),
            Self::NotInvited(email) => (
                StatusCode::FORBIDDEN,
                "You have no account here",
                vec![format!("Nobody has invited {email}. Ask whoever runs this server to do so, then log in again.")],
            ),
            Self::NotLinked(email) => (
                StatusCode::FORBIDDEN,
                "This address has an account already",
                vec![
                    format!("The account of {email} here belongs to another login, and an address alone does not prove that it is yours."),
                    "Whoever runs this server can invite the address again; the account is then yours when you log in."
                        .to_owned(),
                ],
            ),
            Self::NotFresh => (
                StatusCode::FORBIDDEN,
                "You have to log in anew",
                vec![
                    "You were to prove again who you are, and the place where you log in did not ask you. Log out there first."
                        .to_owned(),
                    AGAIN.to_owned(),
                ],
            ),
            Self::Closed(_) => (
                StatusCode::FORBIDDEN,
                "This account is closed",
                vec!["Whoever runs this server can tell you more.".to_owned()],
            ),
            Self::Connect(ConnectError::Denied) => (
                StatusCode::FORBIDDEN,
                "You were not logged in",
                vec!["Access was denied where you were to log in.".to_owned(), AGAIN.to_owned()],
            ),
            Self::Connect(ConnectError::Vault(cause)) => return ours(&cause),
            ref cause @ Self::Raced => return ours(cause),
            cause if cause.is_silence() => (
                StatusCode::SERVICE_UNAVAILABLE,
                "You can’t log in just now",
                vec![
                    "The place where you log in does not answer this server. What is connected already goes on working."
                        .to_owned(),
                    "Try again in a minute. If it stays like this, tell whoever runs this server.".to_owned(),
                ],
            ),
            cause => (
                StatusCode::BAD_GATEWAY,
                "Logging in didn’t work",
                vec![
                    format!("The place where you log in gave an answer that can’t be used: {cause}."),
                    "Try again in a minute. If it stays like this, tell whoever runs this server.".to_owned(),
                ],
            ),
        };
        let body = html! {
            h1 { (title) }
            @for paragraph in paragraphs.iter().filter(|it| again.is_none() || *it != AGAIN) { p { (paragraph) } }
            @if let Some(again) = again { p.after { a href=(again) data-begin-again { "Begin again" } } }
        };
        Page { status, ..Page::new(title, body) }.into_response()
    }
}

fn ours(cause: &dyn std::fmt::Display) -> Response {
    tracing::error!(error = %cause, "a login could not be carried out");
    let paragraphs = ["The server could not do this just now, and nobody was logged in. Try again in a minute."];
    page::problem(StatusCode::SERVICE_UNAVAILABLE, "Something went wrong here", &paragraphs)
}

/// What somebody reads who comes with a password, or for one.
pub(crate) fn no_passwords(provider: &LoginProvider) -> Response {
    let paragraphs = [
        format!("People log in here at {}, so this server keeps no passwords.", provider.name),
        "If you were invited, log in there with the address that the invitation is for; your account is then made."
            .to_owned(),
    ];
    let paragraphs = paragraphs.each_ref().map(String::as_str);
    page::problem(StatusCode::NOT_FOUND, "No passwords here", &paragraphs)
}
