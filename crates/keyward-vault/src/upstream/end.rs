//! Ending a grant: out of the database first, with its record, then back to the provider.

use std::time::Duration;

use keyward_core::audit::{Action, AuditResult};
use keyward_core::id::{ConnectionId, UserId};
use keyward_storage::Topic;
use keyward_storage::upstream_grants;

use super::Connections;
use crate::error::VaultError;

/// How long to wait for a refresh under way; what it brings would live on at the provider.
const PATIENCE: Duration = Duration::from_secs(15);

/// What was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whether the provider has taken it back. Where it has not, it may be listed there until the person removes it.
    pub revoked: bool,
}

impl Connections {
    /// Ends the grant of a person; `None` when there is none. A connection that is configured no more is ended here alone.
    /// `by` is who asked, for the audit log.
    pub async fn end(&self, id: &ConnectionId, owner: UserId, by: Option<&str>) -> Result<Option<Ended>, VaultError> {
        let inner = &*self.0;
        let key = format!("upstream grant {id} {owner}");
        let _lock = inner.db.lock(&key, PATIENCE).await?;
        let Some(found) = upstream_grants::find(&inner.db, id.as_str(), owner).await? else { return Ok(None) };
        // The provider's word cannot be taken back, so nothing is said to it before the end is stored and recorded.
        let mut tx = inner.db.begin("connection.end").await?;
        let Some(grant) = upstream_grants::take(&mut tx, found.id).await? else { return Ok(None) };
        tx.notify(Topic::UpstreamGrants).await?;
        let detail = serde_json::json!({ "version": grant.version, "by": by });
        let event = inner.event(Action::ConnectionEnd, AuditResult::Ok, id, &grant.owner_email, detail);
        inner.audit.commit(tx, [event]).await?;
        inner.cache.invalidate();
        // Whoever asked may hang up; the provider is told nevertheless.
        let revoked = self.give_back(grant).await.unwrap_or(false);
        Ok(Some(Ended { revoked }))
    }
}
