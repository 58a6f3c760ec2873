//! Closing an account: its sessions end, and so do the connections of its clients and its own grants elsewhere.

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_storage::StorageError;
use keyward_storage::Topic;
use keyward_storage::upstream_grants::{self, UpstreamGrant};
use keyward_storage::{codes, grants, sessions, users};

use crate::account::email::EmailAddress;
use crate::state::Issuer;

impl Issuer {
    /// Closes the account of an e-mail address; `None` when there is none that is open. Gives the grants that it had
    /// elsewhere: they have ended here, and are to be given back to their providers. `by` is who asked, for the audit log.
    pub async fn disable_user(
        &self,
        email: &EmailAddress,
        by: Option<&str>,
    ) -> Result<Option<Vec<UpstreamGrant>>, StorageError> {
        let Some(user) = users::by_email(&self.db, email.as_str()).await? else { return Ok(None) };
        let mut elsewhere = Vec::new();
        let now = self.clock.now();
        let mut tx = self.db.begin("user.disable").await?;
        let closed = users::disable(&mut tx, user.id, now).await?;
        if closed {
            sessions::end_all(&mut tx, user.id, now).await?;
            codes::end_all(&mut tx, user.id, now).await?;
            grants::end_of_user(&mut tx, user.id, now).await?;
            elsewhere = upstream_grants::take_of_user(&mut tx, user.id).await?;
            if !elsewhere.is_empty() {
                tx.notify(Topic::UpstreamGrants).await?;
            }
            tx.notify(Topic::Users).await?;
            tx.notify(Topic::Revocations).await?;
        }
        let event = AuditEvent {
            user_email: by.map(str::to_owned),
            detail: Some(serde_json::json!({ "account": email.as_str() }).to_string()),
            ..AuditEvent::new(now, Action::UserDisable, if closed { AuditResult::Ok } else { AuditResult::Denied })
        };
        self.audit.commit_together(tx, &[event]).await?;
        if closed {
            self.after_grants_ended().await;
        }
        Ok(closed.then_some(elsewhere))
    }
}
