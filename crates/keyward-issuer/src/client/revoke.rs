//! Removing a client, and with it all that people have granted it.

use keyward_core::audit::{Action, AuditResult};
use keyward_storage::{StorageError, Topic, clients, codes, consents, grants};

use crate::audit::About;
use crate::state::Issuer;

impl Issuer {
    /// Removes a client; how many grants ended with it, or `None` when there is no such client.
    pub async fn revoke_client(&self, client_id: &str) -> Result<Option<u64>, StorageError> {
        let now = self.clock.now();
        let mut tx = self.db.begin("revoke_client").await?;
        if !clients::revoke(&mut tx, client_id, now).await? {
            return Ok(None);
        }
        codes::end_of_client(&mut tx, client_id, now).await?;
        let ended = grants::end_of_client(&mut tx, client_id, now).await?;
        consents::delete_of_client(&mut tx, client_id).await?;
        tx.notify(Topic::Clients).await?;
        tx.notify(Topic::Revocations).await?;
        let about = About { client_id: Some(client_id), ..About::default() };
        let detail = [("grants_ended", ended.to_string())];
        let event = self.event(Action::ClientRevoke, AuditResult::Ok, about, &detail);
        self.audit.commit_together(tx, &[event]).await?;
        self.after_grants_ended().await;
        Ok(Some(ended))
    }
}
