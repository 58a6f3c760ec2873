//! Removing what has ended, and following what other processes change.

use std::time::Duration;

use keyward_storage::{StorageError, Topic, clients, codes, login_attempts, logout_tokens, refresh_tokens};

use crate::state::Issuer;

const EVERY: Duration = Duration::from_secs(10 * 60);
/// A used code is remembered for this long, so that its replay is seen.
const CODES_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// A used refresh token too.
const REFRESH_TOKENS_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A client that nobody has let in for this long after it came never will be.
const UNUSED_CLIENTS_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How much was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Authorization codes.
    pub codes: u64,
    /// Refresh tokens.
    pub refresh_tokens: u64,
    /// Clients that were never used.
    pub clients: u64,
    /// Browsers that never came back from the identity provider, and logout tokens of it.
    pub logins: u64,
}

impl Issuer {
    /// Removes what has ended.
    pub async fn sweep(&self) -> Result<Swept, StorageError> {
        let now = self.clock.now();
        Ok(Swept {
            codes: codes::delete_expired(&self.db, now.minus(CODES_KEPT)).await?,
            refresh_tokens: refresh_tokens::delete_expired(&self.db, now.minus(REFRESH_TOKENS_KEPT)).await?,
            clients: clients::reap_never_used(&self.db, now.minus(UNUSED_CLIENTS_KEPT)).await?,
            logins: login_attempts::delete_expired(&self.db, now).await?
                + logout_tokens::delete_expired(&self.db, now).await?,
        })
    }

    async fn changed(&self, topic: Topic) {
        match topic {
            Topic::SigningKeys => {
                if let Err(error) = self.signing.reload(&self.db, &self.vault, &self.clock).await {
                    tracing::error!(error = &error as &dyn std::error::Error, "signing keys could not be loaded");
                }
            }
            Topic::UpstreamGrants => {
                if let Err(error) = self.end_refused_logins().await {
                    tracing::error!(%error, "logins that the provider has taken back did not all end");
                }
            }
            _ => {}
        }
    }

    /// The work that goes on beside requests, for as long as the future is polled.
    pub async fn background(self) {
        let mut changes = self.db.changes();
        let mut sweeps = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                topic = changes.next() => self.changed(topic).await,
                _ = sweeps.tick() => match self.sweep().await {
                    Ok(swept) => tracing::debug!(?swept, "removed what has ended"),
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "what has ended could not be removed");
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
