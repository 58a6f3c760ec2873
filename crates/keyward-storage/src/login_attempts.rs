//! Table `login_attempts`: browsers that were sent to log in at an identity provider and are not back yet, by the hash of
//! their `state`.

use keyward_core::clock::Timestamp;
use keyward_core::secret::TokenHash;

use crate::error::StorageError;
use crate::params;
use crate::{Database, Transaction};

/// How many a browser may have under way; an older one is forgotten.
const MOST_OF_ONE_BROWSER: i64 = 8;

/// One browser's way there and back, and all that the answer is bound to.
#[derive(Clone, Debug)]
pub struct LoginAttempt {
    /// The hash of the cookie that must come back with the answer.
    pub browser: TokenHash,
    /// The identity provider.
    pub issuer: String,
    /// Whether its answer must name it (RFC 9207 §2.4).
    pub iss_required: bool,
    /// As which client.
    pub client_id: String,
    /// For which resource (RFC 8707).
    pub resource: Option<String>,
    /// What was asked for.
    pub scope: String,
    /// Whether the person has to prove anew who they are.
    pub fresh: bool,
    /// A path of ours to go to afterwards.
    pub next: Option<String>,
    /// The query of the authorization request that the person has allowed in this browser.
    pub allowed_request: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When the answer comes too late.
    pub expires_at: Timestamp,
}

/// Notes that a browser leaves.
pub async fn insert(tx: &mut Transaction, state: &TokenHash, attempt: &LoginAttempt) -> Result<(), StorageError> {
    let sql = "INSERT INTO login_attempts (state_hash, browser_hash, issuer, iss_required, client_id, resource, scope, \
               next, allowed_request, created_at, expires_at, fresh) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let values = params![
        state.as_bytes(),
        attempt.browser.as_bytes(),
        attempt.issuer.as_str(),
        attempt.iss_required,
        attempt.client_id.as_str(),
        attempt.resource.clone(),
        attempt.scope.as_str(),
        attempt.next.clone(),
        attempt.allowed_request.clone(),
        attempt.created_at,
        attempt.expires_at,
        attempt.fresh,
    ];
    tx.execute(sql, values).await?;
    let sql = "DELETE FROM login_attempts WHERE browser_hash = $1 AND created_at < (SELECT created_at FROM \
               login_attempts WHERE browser_hash = $1 ORDER BY created_at DESC LIMIT 1 OFFSET $2)";
    tx.execute(sql, params![attempt.browser.as_bytes(), MOST_OF_ONE_BROWSER - 1]).await.map(drop)
}

/// Takes the one with this `state`: nobody gets it a second time.
pub async fn take(db: &Database, state: &TokenHash) -> Result<Option<LoginAttempt>, StorageError> {
    let sql = "DELETE FROM login_attempts WHERE state_hash = $1 RETURNING browser_hash, issuer, iss_required, client_id, \
               resource, scope, next, allowed_request, created_at, expires_at, fresh";
    let Some(row) = db.query_opt(sql, params![state.as_bytes()]).await? else { return Ok(None) };
    let browser: Vec<u8> = row.get(0)?;
    let inconsistent = StorageError::Inconsistent { what: "login_attempts.browser_hash" };
    Ok(Some(LoginAttempt {
        browser: TokenHash::from_stored(&browser).ok_or(inconsistent)?,
        issuer: row.get(1)?,
        iss_required: row.get(2)?,
        client_id: row.get(3)?,
        resource: row.get(4)?,
        scope: row.get(5)?,
        next: row.get(6)?,
        allowed_request: row.get(7)?,
        created_at: row.get(8)?,
        expires_at: row.get(9)?,
        fresh: row.get(10)?,
    }))
}

/// Forgets those whose answer would come too late; how many.
pub async fn delete_expired(db: &Database, now: Timestamp) -> Result<u64, StorageError> {
    db.execute("DELETE FROM login_attempts WHERE expires_at < $1", params![now]).await
}
