//! Grants: one authorization of one client by one person for one resource. Everything that was issued under a grant
//! ends with it.

use keyward_core::clock::Timestamp;
use keyward_core::id::{GrantId, UserId};
use keyward_core::scope::ScopeSet;

use crate::error::StorageError;
use crate::{Database, Row, Transaction, params};

/// One grant.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its id, which access tokens carry.
    pub id: GrantId,
    /// Who gave it.
    pub user_id: UserId,
    /// To which client.
    pub client_id: String,
    /// For which resource.
    pub resource: String,
    /// What it allows.
    pub scope: ScopeSet,
    /// When it began.
    pub created_at: Timestamp,
    /// When tokens were last issued under it.
    pub last_used_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    pub end_reason: Option<String>,
}

/// Why a grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The client gave a token back (RFC 7009).
    Revoked,
    /// The person, or an administrator, disconnected the client.
    Disconnected,
    /// Its authorization code was used a second time.
    CodeReplayed,
    /// One of its refresh tokens was used again after its grace.
    RefreshTokenReplayed,
    /// The client was removed.
    ClientRemoved,
    /// The person's account was disabled.
    UserDisabled,
    /// The identity provider said that the person has logged out there.
    ProviderLogout,
    /// The identity provider takes back the person's login: their account there is closed, say.
    ProviderRefused,
}

impl EndReason {
    /// The word as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Disconnected => "disconnected",
            Self::CodeReplayed => "code_replayed",
            Self::RefreshTokenReplayed => "refresh_token_replayed",
            Self::ClientRemoved => "client_removed",
            Self::UserDisabled => "user_disabled",
            Self::ProviderLogout => "provider_logout",
            Self::ProviderRefused => "provider_refused",
        }
    }
}

fn from_row(row: &Row) -> Result<Grant, StorageError> {
    let scope: String = row.get(4)?;
    Ok(Grant {
        id: row.get(0)?,
        user_id: row.get(1)?,
        client_id: row.get(2)?,
        resource: row.get(3)?,
        scope: scope.parse().map_err(|_| StorageError::Inconsistent { what: "grants.scope" })?,
        created_at: row.get(5)?,
        last_used_at: row.get::<Option<Timestamp>>(6)?.map_or_else(|| row.get(5), Ok)?,
        ended_at: row.get(7)?,
        end_reason: row.get(8)?,
    })
}

/// Begins a grant.
pub async fn insert(tx: &mut Transaction, grant: &Grant) -> Result<(), StorageError> {
    tx.execute(
        "INSERT INTO grants (id, user_id, client_id, resource, scope, created_at, last_used_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            grant.id,
            grant.user_id,
            grant.client_id.as_str(),
            grant.resource.as_str(),
            grant.scope.to_string(),
            grant.created_at,
            grant.last_used_at
        ],
    )
    .await
    .map(drop)
}

/// The grant of this id, ended or not.
pub async fn find(db: &Database, id: GrantId) -> Result<Option<Grant>, StorageError> {
    let row = db
        .query_opt(
            "SELECT id, user_id, client_id, resource, scope, created_at, last_used_at, ended_at, end_reason \
             FROM grants WHERE id = $1",
            params![id],
        )
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// The grants of a person that have not ended, newest first.
pub async fn list_live(db: &Database, user_id: UserId) -> Result<Vec<Grant>, StorageError> {
    let rows = db
        .query(
            "SELECT id, user_id, client_id, resource, scope, created_at, last_used_at, ended_at, end_reason \
             FROM grants WHERE user_id = $1 AND ended_at IS NULL ORDER BY created_at DESC, id",
            params![user_id],
        )
        .await?;
    rows.iter().map(from_row).collect()
}

/// Takes a live grant of a person whose account is not disabled for this transaction: whoever ends it waits, or this
/// finds it ended. Whether it is live.
pub async fn take(tx: &mut Transaction, id: GrantId, now: Timestamp) -> Result<bool, StorageError> {
    let changed = tx
        .execute(
            "UPDATE grants SET last_used_at = $2 WHERE id = $1 AND ended_at IS NULL \
             AND EXISTS (SELECT 1 FROM users WHERE users.id = grants.user_id AND users.disabled_at IS NULL)",
            params![id, now],
        )
        .await?;
    Ok(changed == 1)
}

/// Ends a grant; whether it was live.
pub async fn end(tx: &mut Transaction, id: GrantId, reason: EndReason, now: Timestamp) -> Result<bool, StorageError> {
    let changed = tx
        .execute(
            "UPDATE grants SET ended_at = $2, end_reason = $3 WHERE id = $1 AND ended_at IS NULL",
            params![id, now, reason.as_str()],
        )
        .await?;
    Ok(changed == 1)
}

/// Ends every grant of a client; how many.
pub async fn end_of_client(tx: &mut Transaction, client_id: &str, now: Timestamp) -> Result<u64, StorageError> {
    tx.execute(
        "UPDATE grants SET ended_at = $2, end_reason = $3 WHERE client_id = $1 AND ended_at IS NULL",
        params![client_id, now, EndReason::ClientRemoved.as_str()],
    )
    .await
}

/// Ends every grant of a person for `reason`; how many.
pub async fn end_all(
    tx: &mut Transaction,
    user_id: UserId,
    reason: EndReason,
    now: Timestamp,
) -> Result<u64, StorageError> {
    tx.execute(
        "UPDATE grants SET ended_at = $2, end_reason = $3 WHERE user_id = $1 AND ended_at IS NULL",
        params![user_id, now, reason.as_str()],
    )
    .await
}

/// Ends every grant of a person whose account is closed; how many.
pub async fn end_of_user(tx: &mut Transaction, user_id: UserId, now: Timestamp) -> Result<u64, StorageError> {
    end_all(tx, user_id, EndReason::UserDisabled, now).await
}

/// The grants that ended at or after `since`: those whose access tokens may still be about.
pub async fn ended_since(db: &Database, since: Timestamp) -> Result<Vec<GrantId>, StorageError> {
    let rows = db.query("SELECT id FROM grants WHERE ended_at >= $1", params![since]).await?;
    rows.iter().map(|row| row.get(0)).collect()
}
