//! Giving a grant that has ended here back to its provider (RFC 7009). Whatever stands in the way, it has ended here; that
//! the provider may still honour it is said in the log and the audit log.

use std::sync::Arc;

use super::{Connections, Inner, token_endpoint};
use crate::error::VaultError;
use keyward_core::audit::{Action, AuditResult};
use keyward_core::id::ConnectionId;
use keyward_discovery::DiscoveryError;
use keyward_storage::upstream_grants::UpstreamGrant;
use tokio::task::JoinHandle;

/// Why a provider was not told, or did not take a grant back.
#[derive(Debug, thiserror::Error)]
enum NotGivenBack {
    #[error("the connection is configured no more")]
    NotConfigured,
    #[error("it was given by {0}, and the connection is configured for another provider")]
    OtherProvider(String),
    #[error(transparent)]
    Discovery(#[from] Arc<DiscoveryError>),
    #[error("the provider has no revocation endpoint")]
    NotOffered,
    #[error("Keyward is another client there now")]
    ClientGone,
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("the provider did not take it back")]
    NotTaken,
}

impl Connections {
    /// Gives grants back that have ended here already, all at once; how many their providers took.
    pub async fn give_back_all(&self, grants: Vec<UpstreamGrant>) -> usize {
        let under_way: Vec<_> = grants.into_iter().map(|grant| self.give_back(grant)).collect();
        let mut taken = 0;
        for one in under_way {
            taken += usize::from(one.await.unwrap_or(false));
        }
        taken
    }

    /// Begins to give a grant back, and goes on with it when nobody waits; whether the provider took it.
    pub(super) fn give_back(&self, grant: UpstreamGrant) -> JoinHandle<bool> {
        let inner = Arc::clone(&self.0);
        self.0.running.spawn_on(async move { inner.give_back(&grant).await }, &self.0.runtime)
    }
}

impl Inner {
    async fn give_back(&self, grant: &UpstreamGrant) -> bool {
        // A name that no configuration can have any more has no record of its own kind.
        let Ok(id) = grant.connection.parse::<ConnectionId>() else { return false };
        let told = self.tell_provider(&id, grant).await;
        let (result, reason) = match &told {
            Ok(()) => (AuditResult::Ok, None),
            Err(error) => {
                let reason = error.to_string();
                tracing::warn!(connection = %id, user = %grant.owner, issuer = %grant.issuer, reason,
                    "a grant that has ended here was not given back to its provider");
                (AuditResult::Failed, Some(reason))
            }
        };
        let detail = serde_json::json!({ "version": grant.version, "issuer": grant.issuer, "reason": reason });
        self.record(Action::ConnectionRevoke, result, &id, &grant.owner_email, detail);
        told.is_ok()
    }

    async fn tell_provider(&self, id: &ConnectionId, grant: &UpstreamGrant) -> Result<(), NotGivenBack> {
        let connection = self.connections.get(id).ok_or(NotGivenBack::NotConfigured)?;
        let provider = connection.provider(&self.clock).await?;
        if provider.issuer != grant.issuer {
            return Err(NotGivenBack::OtherProvider(grant.issuer.clone()));
        }
        let endpoint = provider.revocation_endpoint.as_ref().ok_or(NotGivenBack::NotOffered)?;
        let client = self.client_of_grant(connection, &provider, &grant.client_id).await?;
        let client = client.ok_or(NotGivenBack::ClientGone)?;
        let tokens = self.open_set(grant).await?;
        match token_endpoint::revoke(&connection.http, endpoint, &client, &tokens).await {
            true => Ok(()),
            false => Err(NotGivenBack::NotTaken),
        }
    }
}
