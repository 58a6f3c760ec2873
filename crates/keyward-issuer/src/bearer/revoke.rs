//! Ending a development bearer token.

use keyward_core::audit::{Action, AuditResult};
use keyward_storage::{StorageError, Topic, bearer_tokens};
use uuid::Uuid;

use crate::audit::About;
use crate::state::Issuer;

impl Issuer {
    /// Ends it in every process; `false` when there is none of that id that is not revoked.
    pub async fn revoke_bearer(&self, id: Uuid) -> Result<bool, StorageError> {
        let mut tx = self.db.begin("bearer.revoke").await?;
        let revoked = bearer_tokens::revoke(&mut tx, id, self.clock.now()).await?;
        if revoked {
            tx.notify(Topic::Bearers).await?;
        }
        let result = if revoked { AuditResult::Ok } else { AuditResult::Denied };
        let event = self.event(Action::BearerRevoke, result, About::default(), &[("id", id.to_string())]);
        self.audit.commit_together(tx, &[event]).await?;
        Ok(revoked)
    }
}
