//! What the provider takes back ends here, too: it has closed somebody's account, or withdrawn the login.

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::id::UserId;
use keyward_storage::grants::{self, EndReason};
use keyward_storage::{StorageError, Topic, Transaction, codes, sessions, users};
use keyward_vault::VaultError;
use keyward_vault::upstream::Standing;

use super::LoginProvider;
use crate::state::Issuer;

impl Issuer {
    /// Whether a person's login at the provider still stands; where the provider has taken it back, all that hung on it
    /// has ended when this returns. Asked whenever a client refreshes and whenever a browser comes, so that the end reaches
    /// Keyward within the lifetime of the provider's access token and of ours.
    pub(crate) async fn login_stands(&self, user: UserId) -> Result<bool, VaultError> {
        let Some(provider) = &self.provider else { return Ok(true) };
        match provider.connections.login_standing(user).await? {
            Standing::Stands => return Ok(true),
            Standing::Lapsed => {}
            Standing::Ended => self.end_refused(provider, user).await?,
        }
        Ok(false)
    }

    /// Ends what is left of logins that the provider has taken back, wherever that was noticed.
    pub(crate) async fn end_refused_logins(&self) -> Result<(), VaultError> {
        let Some(provider) = &self.provider else { return Ok(()) };
        for user in provider.connections.ended_logins().await? {
            self.end_refused(provider, user).await?;
        }
        Ok(())
    }

    async fn end_refused(&self, provider: &LoginProvider, user: UserId) -> Result<(), VaultError> {
        let email = users::by_id(&self.db, user).await?.map(|user| user.email);
        let mut tx = self.db.begin("login.refused").await?;
        // Meanwhile they may have logged in again.
        if !provider.connections.hold_ended_login(&mut tx, user).await? {
            return Ok(());
        }
        let ended = end_all(&mut tx, self, user, EndReason::ProviderRefused).await?;
        if ended.is_nothing() {
            return Ok(());
        }
        self.audit.commit(tx, [ended.event(self, Action::GrantRevoke, email, EndReason::ProviderRefused)]).await?;
        self.after_grants_ended().await;
        Ok(())
    }
}

/// How much has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    sessions: u64,
    grants: u64,
    codes: u64,
}

/// Ends a person's logins here and the connections of their clients.
pub(super) async fn end_all(
    tx: &mut Transaction,
    issuer: &Issuer,
    user: UserId,
    reason: EndReason,
) -> Result<Ended, StorageError> {
    let now = issuer.clock.now();
    // In the order in which one gives the other: a code is issued while its session is held, and exchanged while it is
    // itself, so whatever is made of either at this moment is there when its turn comes.
    let sessions = sessions::end_all(tx, user, now).await?;
    let codes = codes::end_all(tx, user, now).await?;
    let grants = grants::end_all(tx, user, reason, now).await?;
    if grants > 0 {
        tx.notify(Topic::Revocations).await?;
    }
    Ok(Ended { sessions, grants, codes })
}

impl Ended {
    pub(super) fn is_nothing(self) -> bool {
        self.sessions == 0 && self.grants == 0 && self.codes == 0
    }

    pub(super) fn event(self, issuer: &Issuer, action: Action, email: Option<String>, reason: EndReason) -> AuditEvent {
        let Self { sessions, grants, .. } = self;
        let detail = serde_json::json!({ "reason": reason.as_str(), "sessions": sessions, "grants": grants });
        AuditEvent {
            user_email: email,
            detail: Some(detail.to_string()),
            ..AuditEvent::new(issuer.clock.now(), action, AuditResult::Ok)
        }
    }
}
