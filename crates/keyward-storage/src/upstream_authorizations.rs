//! Browsers that were sent to another authorization server and are not back yet, by the hash of their `state`.

use keyward_core::clock::Timestamp;
use keyward_core::id::{SessionId, UserId};
use keyward_core::secret::TokenHash;
use uuid::Uuid;

use crate::error::StorageError;
use crate::sealed::SealedColumns;
use crate::{Database, Transaction, params};

/// How many a person may have under way; an older one is forgotten.
const MOST_OF_ONE_PERSON: i64 = 8;

/// One browser's way there and back, and all that the answer is bound to.
#[derive(Debug)]
pub struct UpstreamAuthorization {
    /// Its id.
    pub id: Uuid,
    /// The connection that it is for.
    pub connection: String,
    /// Who went.
    pub user_id: UserId,
    /// In which session.
    pub session_id: SessionId,
    /// The authorization server.
    pub issuer: String,
    /// Whether its answer must name it (RFC 9207 §2.4).
    pub iss_required: bool,
    /// As which client.
    pub client_id: String,
    /// For which resource (RFC 8707).
    pub resource: Option<String>,
    /// What was asked for.
    pub scope: String,
    /// The code verifier (RFC 7636 §4.1).
    pub sealed: SealedColumns,
    /// When it began.
    pub created_at: Timestamp,
    /// When the answer comes too late.
    pub expires_at: Timestamp,
}

/// Notes that a browser leaves.
pub async fn insert(
    tx: &mut Transaction,
    state: &TokenHash,
    authorization: &UpstreamAuthorization,
) -> Result<(), StorageError> {
    let sql = "INSERT INTO upstream_authorizations (id, state_hash, connection, user_id, session_id, issuer, \
               iss_required, client_id, resource, scope, sealed, iv, auth_tag, key_id, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    let values = params![
        authorization.id,
        state.as_bytes(),
        authorization.connection.as_str(),
        authorization.user_id,
        authorization.session_id,
        authorization.issuer.as_str(),
        authorization.iss_required,
        authorization.client_id.as_str(),
        authorization.resource.clone(),
        authorization.scope.as_str(),
        authorization.sealed.ciphertext.as_slice(),
        authorization.sealed.iv.as_slice(),
        authorization.sealed.tag.as_slice(),
        authorization.sealed.key_id.as_str(),
        authorization.created_at,
        authorization.expires_at,
    ];
    tx.execute(sql, values).await?;
    let sql = "DELETE FROM upstream_authorizations WHERE user_id = $1 AND created_at < (SELECT created_at FROM \
               upstream_authorizations WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1 OFFSET $2)";
    tx.execute(sql, params![authorization.user_id, MOST_OF_ONE_PERSON - 1]).await.map(drop)
}

/// Takes the one with this `state`: nobody gets it a second time.
pub async fn take(db: &Database, state: &TokenHash) -> Result<Option<UpstreamAuthorization>, StorageError> {
    let sql = "DELETE FROM upstream_authorizations WHERE state_hash = $1 RETURNING id, connection, user_id, session_id, \
               issuer, iss_required, client_id, resource, scope, sealed, iv, auth_tag, key_id, created_at, expires_at";
    let Some(row) = db.query_opt(sql, params![state.as_bytes()]).await? else { return Ok(None) };
    Ok(Some(UpstreamAuthorization {
        id: row.get(0)?,
        connection: row.get(1)?,
        user_id: row.get(2)?,
        session_id: row.get(3)?,
        issuer: row.get(4)?,
        iss_required: row.get(5)?,
        client_id: row.get(6)?,
        resource: row.get(7)?,
        scope: row.get(8)?,
        sealed: SealedColumns::from_row(&row, 9)?,
        created_at: row.get(13)?,
        expires_at: row.get(14)?,
    }))
}

/// Forgets those whose answer would come too late; how many.
pub async fn delete_expired(db: &Database, now: Timestamp) -> Result<u64, StorageError> {
    db.execute("DELETE FROM upstream_authorizations WHERE expires_at < $1", params![now]).await
}
