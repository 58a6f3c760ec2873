//! Using a one-time link up: it makes an account, or sets a new password for the account that it names. Link, account,
//! password and session are one transaction, so a link is never lost without effect, nor used twice.

use http::{HeaderMap, HeaderValue};
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::id::UserId;
use keyward_core::secret::TokenHash;
use keyward_storage::invites::Invite;
use keyward_storage::users::User;
use keyward_storage::{codes, invites, passwords, sessions, users};

use crate::account::email::EmailAddress;
use crate::account::new_password::NewPassword;
use crate::page::failure::PageFailure;
use crate::session;
use crate::state::Issuer;

/// What came of it.
pub(crate) enum Opened {
    /// The person is logged in by this cookie.
    LoggedIn(HeaderValue),
    /// Somebody was faster, or it expired in between.
    LinkGone,
    /// The link names nobody, and the address that was typed has an account.
    AddressTaken,
    /// The link is for an account that is closed.
    Closed,
}

/// Uses the link with hash `link` up for `email`.
pub(crate) async fn open(
    issuer: &Issuer,
    headers: &HeaderMap,
    link: &TokenHash,
    invite: &Invite,
    email: &EmailAddress,
    password: NewPassword,
) -> Result<Opened, PageFailure> {
    let existing = users::by_email(&issuer.db, email.as_str()).await?;
    match &existing {
        Some(_) if invite.email.is_none() => return Ok(Opened::AddressTaken),
        Some(user) if user.disabled_at.is_some() => return Ok(Opened::Closed),
        _ => {}
    }
    let phc = issuer.passwords.hash(password.into_secret(), &issuer.random).await?;

    let now = issuer.clock.now();
    let mut tx = issuer.db.begin("account.open").await?;
    let is_new = existing.is_none();
    let user = match existing {
        Some(user) => user,
        None => {
            let user = User {
                id: UserId::new(now, &issuer.random)?,
                email: email.as_str().to_owned(),
                name: None,
                is_admin: invite.is_admin,
                created_at: now,
                disabled_at: None,
            };
            if !users::insert(&mut tx, &user).await? {
                return Ok(Opened::AddressTaken);
            }
            user
        }
    };
    if !invites::consume(&mut tx, link, user.id, now).await? {
        return Ok(Opened::LinkGone);
    }
    // An older link for the same address would be a way into the account that its owner knows nothing of.
    invites::close_others(&mut tx, email.as_str(), user.id, now).await?;
    sessions::end_all(&mut tx, user.id, now).await?;
    codes::end_all(&mut tx, user.id, now).await?;
    passwords::put(&mut tx, user.id, &phc, now).await?;
    let cookie = session::start(issuer, &mut tx, headers, &user, "pwd").await?;

    let action = if is_new { Action::UserCreate } else { Action::PasswordChange };
    let events = [action, Action::Login].map(|action| AuditEvent {
        user_email: Some(user.email.clone()),
        detail: Some(serde_json::json!({ "reason": "one-time link", "admin": user.is_admin }).to_string()),
        ..AuditEvent::new(now, action, AuditResult::Ok)
    });
    issuer.audit.commit(tx, events).await?;
    Ok(Opened::LoggedIn(cookie))
}
