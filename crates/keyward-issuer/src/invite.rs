//! `/invite/{token}`: the page behind a one-time link.

mod form;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode, header};
use keyward_core::secret::{PlainToken, TokenKind};
use keyward_storage::invites::{self, Invite};
use keyward_storage::users;
use serde::Deserialize;

use crate::account::email::EmailAddress;
use crate::account::new_password::NewPassword;
use crate::account::open::{Opened, open};
use crate::csrf::{self, VisitForm};
use crate::invite::form::InviteForm;
use crate::login::provider;
use crate::page;
use crate::page::failure::PageFailure;
use crate::page::input::{Fields, TypedPassword};
use crate::state::Issuer;

/// `GET /invite/{token}`. It changes nothing: link previews and virus scanners fetch links too.
pub(crate) async fn show(
    State(issuer): State<Issuer>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, PageFailure> {
    if let Some(provider) = &issuer.provider {
        return Ok(provider::no_passwords(provider));
    }
    let (_, invite) = match find(&issuer, &token).await? {
        Ok(found) => found,
        Err(dead) => return Ok(dead.page()),
    };
    let visit = VisitForm::new(&issuer, &headers)?;
    let form = InviteForm {
        csrf: &visit.token,
        token: &token,
        fixed_email: invite.email.as_deref(),
        typed_email: "",
        is_reset: is_reset(&issuer, &invite).await?,
        is_admin: invite.is_admin,
        complaint: None,
    };
    let page = form.page(&issuer);
    Ok(visit.attach(page))
}

/// What the form sends.
#[derive(Deserialize)]
pub(crate) struct InviteFields {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    email: String,
    password: TypedPassword,
    password_again: TypedPassword,
}

/// `POST /invite/{token}`.
pub(crate) async fn submit(
    State(issuer): State<Issuer>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Fields(fields): Fields<InviteFields>,
) -> Result<Response, PageFailure> {
    if let Some(provider) = &issuer.provider {
        return Ok(provider::no_passwords(provider));
    }
    csrf::check(&issuer, &headers, None, &fields.csrf)?;
    let (link, invite) = match find(&issuer, &token).await? {
        Ok(found) => found,
        Err(dead) => return Ok(dead.page()),
    };
    let is_reset = is_reset(&issuer, &invite).await?;
    let again = |complaint: &str| {
        let form = InviteForm {
            csrf: &fields.csrf,
            token: &token,
            fixed_email: invite.email.as_deref(),
            typed_email: &fields.email,
            is_reset,
            is_admin: invite.is_admin,
            complaint: Some(complaint),
        };
        form.page(&issuer)
    };
    // A link that names an address is for that address, whatever the form says.
    let email = match EmailAddress::parse(invite.email.as_deref().unwrap_or(&fields.email)) {
        Ok(email) => email,
        Err(_) => return Ok(again("This is not an e-mail address. Check it for typing mistakes.")),
    };
    let password = match NewPassword::choose(fields.password.0, &fields.password_again.0, &email) {
        Ok(password) => password,
        Err(refused) => return Ok(again(&refused.to_string())),
    };
    Ok(match open(&issuer, &headers, &link.hash(), &invite, &email, password).await? {
        Opened::LoggedIn(cookie) => {
            ([(header::SET_COOKIE, cookie)], Redirect::to(&issuer.config.path("/account"))).into_response()
        }
        Opened::LinkGone => DeadLink::Used.page(),
        Opened::AddressTaken => again("There is an account with this e-mail address already. Log in with it instead."),
        Opened::Closed => again("This account is closed. Whoever runs this server can tell you more."),
    })
}

async fn is_reset(issuer: &Issuer, invite: &Invite) -> Result<bool, PageFailure> {
    match &invite.email {
        Some(email) => Ok(users::by_email(&issuer.db, email).await?.is_some()),
        None => Ok(false),
    }
}

async fn find(issuer: &Issuer, token: &str) -> Result<Result<(PlainToken, Invite), DeadLink>, PageFailure> {
    let Some(link) = PlainToken::parse(TokenKind::Invite, token) else { return Ok(Err(DeadLink::Unknown)) };
    let Some(invite) = invites::by_hash(&issuer.db, &link.hash()).await? else { return Ok(Err(DeadLink::Unknown)) };
    Ok(if invite.used_at.is_some() {
        Err(DeadLink::Used)
    } else if invite.expires_at <= issuer.clock.now() {
        Err(DeadLink::Expired)
    } else {
        Ok((link, invite))
    })
}

/// A link that opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DeadLink {
    Unknown,
    Used,
    Expired,
}

impl DeadLink {
    fn page(self) -> Response {
        const ASK: &str = "Ask whoever runs this server for a new one; they make it with “keyward user invite”.";
        match self {
            Self::Unknown => page::problem(
                StatusCode::NOT_FOUND,
                "This link does not work",
                &["It is not complete, or it was not made by this server. Open it again from where you got it.", ASK],
            ),
            Self::Used => page::problem(
                StatusCode::GONE,
                "This link has been used",
                &[
                    "It works once. If you used it yourself, log in with the e-mail address and password that you chose.",
                    "If you did not, tell whoever runs this server at once.",
                ],
            ),
            Self::Expired => {
                page::problem(StatusCode::GONE, "This link has expired", &["It was good for a few days only.", ASK])
            }
        }
    }
}
