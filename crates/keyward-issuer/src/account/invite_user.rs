//! A one-time link by which a person makes an account, or gets a new password for the one that they have.

use std::fmt;

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::Timestamp;
use keyward_core::random::RandomFailed;
use keyward_core::secret::{PlainToken, TokenKind};
use keyward_storage::StorageError;
use keyward_storage::invites::{self, Invite};
use keyward_storage::users;

use crate::account::email::EmailAddress;
use crate::state::Issuer;

/// A link that was just made. Whoever has it is whom it is for, so it is not printed by accident.
pub struct NewInvite {
    token: PlainToken,
    page: String,
    /// Whether the account will administer this server.
    pub is_admin: bool,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

impl NewInvite {
    /// The link to hand over.
    pub fn link(&self) -> String {
        format!("{}/{}", self.page, self.token.expose_secret())
    }
}

impl fmt::Debug for NewInvite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewInvite")
    }
}

/// A link could not be made.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// No token could be drawn.
    #[error(transparent)]
    Random(#[from] RandomFailed),
}

impl Issuer {
    /// Makes a one-time link. With `email` it is for that address only: for an account that is there already it sets a new
    /// password. Without, whoever has it says who they are. As long as there is no account at all, it makes an
    /// administrator. `by` is who asked, for the audit log.
    pub async fn invite_user(
        &self,
        email: Option<&EmailAddress>,
        is_admin: bool,
        by: Option<&str>,
    ) -> Result<NewInvite, InviteError> {
        let now = self.clock.now();
        let is_admin = is_admin || !users::any(&self.db).await?;
        let token = PlainToken::generate(TokenKind::Invite, &self.random)?;
        let invite = Invite {
            email: email.map(|email| email.as_str().to_owned()),
            is_admin,
            created_at: now,
            expires_at: now.plus(self.config.lifetimes.invite),
            used_at: None,
        };
        let mut tx = self.db.begin("invite").await?;
        invites::insert(&mut tx, &token.hash(), &invite).await?;
        let event = AuditEvent {
            user_email: by.map(str::to_owned),
            detail: Some(serde_json::json!({ "for": invite.email, "admin": is_admin }).to_string()),
            ..AuditEvent::new(now, Action::UserInvite, AuditResult::Ok)
        };
        self.audit.commit_together(tx, &[event]).await?;
        Ok(NewInvite { token, page: self.config.url("/invite"), is_admin, expires_at: invite.expires_at })
    }
}
