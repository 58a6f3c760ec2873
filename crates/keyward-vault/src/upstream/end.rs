//! Giving a grant back: to the provider where it takes that (RFC 7009), and out of the database.

use std::time::Duration;

use keyward_core::audit::{Action, AuditResult};
use keyward_core::id::{ConnectionId, UserId};
use keyward_storage::Topic;
use keyward_storage::upstream_grants::{self, UpstreamGrant};

use super::{Connections, Inner, token_endpoint};
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
        let Some(row) = upstream_grants::find(&inner.db, id.as_str(), owner).await? else { return Ok(None) };
        let revoked = inner.give_back(id, &row).await;
        let mut tx = inner.db.begin("connection.end").await?;
        let deleted = upstream_grants::delete(&mut tx, row.id).await?;
        tx.notify(Topic::UpstreamGrants).await?;
        let detail = serde_json::json!({ "revoked": revoked, "by": by });
        let event = inner.event(Action::ConnectionEnd, AuditResult::Ok, id, &row.owner_email, detail);
        inner.audit.commit(tx, [event]).await?;
        inner.cache.invalidate();
        Ok(deleted.then_some(Ended { revoked }))
    }

    /// Ends all grants of a person; how many.
    pub async fn end_all(&self, owner: UserId, by: Option<&str>) -> Result<usize, VaultError> {
        let mut ended = 0;
        for grant in upstream_grants::of_user(&self.0.db, owner).await? {
            let Ok(id) = grant.connection.parse() else { continue };
            ended += usize::from(self.end(&id, owner, by).await?.is_some());
        }
        Ok(ended)
    }
}

impl Inner {
    /// Whether the provider has taken the grant back. Whatever stands in the way, the person's wish is carried out here.
    async fn give_back(&self, id: &ConnectionId, row: &UpstreamGrant) -> bool {
        let Some(connection) = self.connections.get(id) else { return false };
        let provider = match connection.provider(&self.clock).await {
            Ok(provider) if provider.issuer == row.issuer => provider,
            _ => return false,
        };
        let Some(endpoint) = &provider.revocation_endpoint else { return false };
        let Ok(Some(client)) = self.client_of_grant(connection, &provider, &row.client_id).await else { return false };
        let Ok(tokens) = self.open_set(row).await else { return false };
        // RFC 7009 §2.1: with the refresh token its access tokens should end, too.
        match &tokens.refresh_token {
            Some(token) => token_endpoint::revoke(&connection.http, endpoint, &client, token, "refresh_token").await,
            None => {
                let token = &tokens.access_token;
                token_endpoint::revoke(&connection.http, endpoint, &client, token, "access_token").await
            }
        }
    }
}
