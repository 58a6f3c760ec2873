//! Whose account it is. An identity that has been here is known by issuer and subject, whatever its address is now; an
//! address decides once, when it comes for the first time, and only if the provider has verified it.

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::id::UserId;
use keyward_storage::invites::Invite;
use keyward_storage::users::User;
use keyward_storage::{Topic, identities, invites, users};

use super::LoginProvider;
use super::person::Person;
use super::problem::LoginFailed;
use crate::account::email::EmailAddress;
use crate::state::Issuer;

/// The account of a person, found or made.
pub(super) async fn of(issuer: &Issuer, provider: &LoginProvider, person: &Person) -> Result<User, LoginFailed> {
    let known = identities::user_of(&issuer.db, &person.issuer, &person.subject).await?;
    let user = match known {
        Some(user) => listed(issuer, provider, person, user).await?,
        None => first_time(issuer, provider, person).await?,
    };
    if user.disabled_at.is_some() { Err(LoginFailed::Closed(user.email)) } else { Ok(user) }
}

/// Somebody who has been here before, if the lists still have their address or they were invited.
async fn listed(issuer: &Issuer, provider: &LoginProvider, person: &Person, user: User) -> Result<User, LoginFailed> {
    let rules = &provider.accounts;
    let admitted = !rules.has_lists() || person.email.as_ref().is_some_and(|email| rules.admit(email));
    if admitted || user.disabled_at.is_some() || invites::has_used(&issuer.db, user.id).await? {
        return Ok(user);
    }
    Err(person.email.as_ref().map_or(LoginFailed::NoVerifiedEmail, |email| LoginFailed::NotInvited(email.to_string())))
}

async fn first_time(issuer: &Issuer, provider: &LoginProvider, person: &Person) -> Result<User, LoginFailed> {
    let email = person.email.as_ref().ok_or(LoginFailed::NoVerifiedEmail)?;
    let now = issuer.clock.now();
    let rules = &provider.accounts;
    let invite = invites::open_for(&issuer.db, email.as_str(), now).await?;
    let there = users::by_email(&issuer.db, email.as_str()).await?;
    let (user, is_new) = match there {
        Some(user) if user.disabled_at.is_some() => return Err(LoginFailed::Closed(user.email)),
        Some(user) => {
            // Whoever has an identity there already is somebody else, with the same address today. An invitation that names
            // the address is the word of whoever runs this server.
            let linkable = rules.link_by_email && !identities::has_one(&issuer.db, user.id, &person.issuer).await?;
            if invite.is_none() && !(linkable && rules.admit(email)) {
                return Err(LoginFailed::NotLinked(email.to_string()));
            }
            (user, false)
        }
        None if invite.is_some() || rules.may_sign_up(email) => {
            (new_user(issuer, person, email, invite.as_ref().map(|(_, invite)| invite))?, true)
        }
        None => return Err(LoginFailed::NotInvited(email.to_string())),
    };
    let link = invite.map(|(hash, _)| hash);
    let mut tx = issuer.db.begin("account.of_identity").await?;
    // Of several who do this at once, one does it; the others find it done when they try again.
    if is_new && !users::insert(&mut tx, &user).await? {
        return Err(LoginFailed::Raced);
    }
    if !identities::insert(&mut tx, &person.issuer, &person.subject, user.id, now).await? {
        return Err(LoginFailed::Raced);
    }
    if let Some(link) = link {
        if !invites::consume(&mut tx, &link, user.id, now).await? {
            return Err(LoginFailed::Raced);
        }
        invites::close_others(&mut tx, email.as_str(), user.id, now).await?;
    }
    tx.notify(Topic::Users).await?;
    issuer.audit.commit(tx, [event(issuer, &user, email, person, is_new)]).await?;
    Ok(user)
}

fn new_user(
    issuer: &Issuer,
    person: &Person,
    email: &EmailAddress,
    invite: Option<&Invite>,
) -> Result<User, LoginFailed> {
    let now = issuer.clock.now();
    Ok(User {
        id: UserId::new(now, &issuer.random)?,
        email: email.as_str().to_owned(),
        name: person.name.clone(),
        is_admin: invite.is_some_and(|invite| invite.is_admin),
        created_at: now,
        disabled_at: None,
    })
}

fn event(issuer: &Issuer, user: &User, email: &EmailAddress, person: &Person, is_new: bool) -> AuditEvent {
    let action = if is_new { Action::UserCreate } else { Action::UserLink };
    let detail = serde_json::json!({
        "reason": "provider", "issuer": person.issuer, "subject": person.subject, "admin": user.is_admin,
    });
    AuditEvent {
        user_email: Some(email.to_string()),
        detail: Some(detail.to_string()),
        ..AuditEvent::new(issuer.clock.now(), action, AuditResult::Ok)
    }
}
