//! Authorization codes (RFC 6749 §4.1.2), by the hash of their text.

use keyward_core::clock::Timestamp;
use keyward_core::id::{GrantId, SessionId, UserId};
use keyward_core::scope::ScopeSet;
use keyward_core::secret::TokenHash;

use crate::error::StorageError;
use crate::{Database, Row, Transaction, params};

/// One code and all that it is bound to.
#[derive(Debug)]
pub struct AuthorizationCode {
    /// Of its text.
    pub hash: TokenHash,
    /// What it was exchanged for.
    pub grant_id: Option<GrantId>,
    /// The only client that may exchange it.
    pub client_id: String,
    /// Who allowed it.
    pub user_id: UserId,
    /// In which session.
    pub session_id: Option<SessionId>,
    /// Where it was sent.
    pub redirect_uri: String,
    /// The resource that tokens will be for.
    pub resource: String,
    /// What they will allow.
    pub scope: ScopeSet,
    /// The S256 challenge (RFC 7636 §4.2).
    pub code_challenge: String,
    /// For the ID token (OpenID Connect Core §3.1.2.1).
    pub nonce: Option<String>,
    /// When the person logged in.
    pub auth_time: Timestamp,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it is worth nothing any more.
    pub expires_at: Timestamp,
    /// When it was exchanged, or taken back.
    pub used_at: Option<Timestamp>,
}

fn from_row(row: &Row) -> Result<AuthorizationCode, StorageError> {
    let scope: String = row.get(7)?;
    Ok(AuthorizationCode {
        hash: row.get(0)?,
        grant_id: row.get(1)?,
        client_id: row.get(2)?,
        user_id: row.get(3)?,
        session_id: row.get(4)?,
        redirect_uri: row.get(5)?,
        resource: row.get(6)?,
        scope: scope.parse().map_err(|_| StorageError::Inconsistent { what: "authorization_codes.scope" })?,
        code_challenge: row.get(8)?,
        nonce: row.get(9)?,
        auth_time: row.get(10)?,
        created_at: row.get(11)?,
        expires_at: row.get(12)?,
        used_at: row.get(13)?,
    })
}

/// Stores a new code.
pub async fn insert(tx: &mut Transaction, code: &AuthorizationCode) -> Result<(), StorageError> {
    tx.execute(
        "INSERT INTO authorization_codes (hash, client_id, user_id, session_id, redirect_uri, resource, scope, \
         code_challenge, nonce, auth_time, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        params![
            code.hash.as_bytes().to_vec(),
            code.client_id.as_str(),
            code.user_id,
            code.session_id,
            code.redirect_uri.as_str(),
            code.resource.as_str(),
            code.scope.to_string(),
            code.code_challenge.as_str(),
            code.nonce.clone(),
            code.auth_time,
            code.created_at,
            code.expires_at
        ],
    )
    .await
    .map(drop)
}

/// The code of this hash, used or not.
pub async fn find(db: &Database, hash: &TokenHash) -> Result<Option<AuthorizationCode>, StorageError> {
    let row = db
        .query_opt(
            "SELECT hash, grant_id, client_id, user_id, session_id, redirect_uri, resource, scope, code_challenge, \
             nonce, auth_time, created_at, expires_at, used_at FROM authorization_codes WHERE hash = $1",
            params![hash.as_bytes().to_vec()],
        )
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// Exchanges a code for a grant; `false` when someone else has used it, or it is too late.
pub async fn use_up(
    tx: &mut Transaction,
    hash: &TokenHash,
    grant_id: GrantId,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let changed = tx
        .execute(
            "UPDATE authorization_codes SET used_at = $2, grant_id = $3 \
             WHERE hash = $1 AND used_at IS NULL AND expires_at > $2",
            params![hash.as_bytes().to_vec(), now, grant_id],
        )
        .await?;
    Ok(changed == 1)
}

/// Makes every code of a person that is not exchanged yet worth nothing; how many. Their times are not looked at: whoever
/// exchanges one at this moment may have looked at the clock before, or at another. Waits for an exchange that is under way,
/// so that what ends grants next sees the one that came of it.
pub async fn end_all(tx: &mut Transaction, user: UserId, now: Timestamp) -> Result<u64, StorageError> {
    let sql = "UPDATE authorization_codes SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL";
    tx.execute(sql, params![user, now]).await
}

/// The same for the codes of a client.
pub async fn end_of_client(tx: &mut Transaction, client_id: &str, now: Timestamp) -> Result<u64, StorageError> {
    let sql = "UPDATE authorization_codes SET used_at = $2 WHERE client_id = $1 AND used_at IS NULL";
    tx.execute(sql, params![client_id, now]).await
}

/// The same for the codes that were given in a session.
pub async fn end_of_session(tx: &mut Transaction, id: SessionId, now: Timestamp) -> Result<u64, StorageError> {
    let sql = "UPDATE authorization_codes SET used_at = $2 WHERE session_id = $1 AND used_at IS NULL";
    tx.execute(sql, params![id, now]).await
}

/// Deletes codes that ended before `before`; how many.
pub async fn delete_expired(db: &Database, before: Timestamp) -> Result<u64, StorageError> {
    db.execute("DELETE FROM authorization_codes WHERE expires_at < $1", params![before]).await
}
