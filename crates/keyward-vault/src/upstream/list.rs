//! What people have connected, for them and for operators; never a token.

use keyward_core::clock::Timestamp;
use keyward_core::id::UserId;
use keyward_storage::StorageError;
use keyward_storage::upstream_grants::{self, UpstreamGrant, UpstreamGrantState};

use super::Connections;
use super::error::BreakReason;

/// A person's grant as listings show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectedGrant {
    /// The connection's id.
    pub connection: String,
    /// What the configuration calls it; the id where it is configured no more.
    pub name: String,
    /// Whose it is, by e-mail address.
    pub owner: String,
    /// Why it can't be used any more, if so.
    pub broken: Option<BreakReason>,
    /// What it allows, space-separated.
    pub scope: String,
    /// The authorization server.
    pub issuer: String,
    /// How often its tokens were renewed, and once more.
    pub version: i64,
    /// When the person connected.
    pub created_at: Timestamp,
    /// When its tokens were minted.
    pub updated_at: Timestamp,
    /// When the access token ends, as far as known.
    pub expires_at: Option<Timestamp>,
}

impl Connections {
    /// The grants of a person, by connection.
    pub async fn of_user(&self, user: UserId) -> Result<Vec<ConnectedGrant>, StorageError> {
        Ok(upstream_grants::of_user(&self.0.db, user).await?.into_iter().map(|grant| self.listed(grant)).collect())
    }

    /// Every grant, by connection and person.
    pub async fn list(&self) -> Result<Vec<ConnectedGrant>, StorageError> {
        Ok(upstream_grants::list(&self.0.db).await?.into_iter().map(|grant| self.listed(grant)).collect())
    }

    fn listed(&self, grant: UpstreamGrant) -> ConnectedGrant {
        let configured = grant.connection.parse().ok().and_then(|id| self.config(&id));
        let is_broken = grant.state == UpstreamGrantState::Broken;
        ConnectedGrant {
            name: configured.map_or_else(|| grant.connection.clone(), |config| config.name.clone()),
            connection: grant.connection,
            owner: grant.owner_email,
            broken: is_broken.then(|| BreakReason::from_stored(grant.reason.as_deref())),
            scope: grant.scope,
            issuer: grant.issuer,
            version: grant.version,
            created_at: grant.created_at,
            updated_at: grant.updated_at,
            expires_at: grant.expires_at,
        }
    }
}
