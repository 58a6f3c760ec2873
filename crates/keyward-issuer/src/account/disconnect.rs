//! Ending a connection: the client's tokens stop working at once, everywhere, and it has to ask again.

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::id::GrantId;
use keyward_storage::StorageError;
use keyward_storage::Topic;
use keyward_storage::consents;
use keyward_storage::grants::{self, EndReason};

use crate::session::LoggedIn;
use crate::state::Issuer;

impl Issuer {
    /// Ends a connection of the person who asks; `false` when it has ended already or is not theirs.
    pub async fn disconnect(&self, person: &LoggedIn, id: GrantId) -> Result<bool, StorageError> {
        let found = grants::find(&self.db, id).await?;
        let Some(grant) = found.filter(|grant| grant.user_id == person.user_id) else { return Ok(false) };
        let now = self.clock.now();
        let mut tx = self.db.begin("account.disconnect").await?;
        if !grants::end(&mut tx, id, EndReason::Disconnected, now).await? {
            return Ok(false);
        }
        consents::delete(&mut tx, grant.user_id, &grant.client_id, &grant.resource).await?;
        tx.notify(Topic::Revocations).await?;
        let event = AuditEvent {
            service_id: self.config.protected_resource(&grant.resource).map(|server| server.id.to_string()),
            user_email: Some(person.email.clone()),
            client_id: Some(grant.client_id),
            detail: Some(serde_json::json!({ "grant": id, "reason": EndReason::Disconnected.as_str() }).to_string()),
            ..AuditEvent::new(now, Action::GrantRevoke, AuditResult::Ok)
        };
        self.audit.commit(tx, [event]).await?;
        self.after_grants_ended().await;
        Ok(true)
    }
}
