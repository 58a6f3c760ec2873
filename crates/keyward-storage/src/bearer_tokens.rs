//! Development bearer tokens: made from the command line for people and programs that cannot log in.

use keyward_core::clock::Timestamp;
use keyward_core::scope::ScopeSet;
use keyward_core::secret::TokenHash;
use uuid::Uuid;

use crate::error::StorageError;
use crate::{Database, Row, Transaction, params};

/// One token, without its text, which nobody keeps.
#[derive(Clone, Debug)]
pub struct BearerToken {
    /// Its id.
    pub id: Uuid,
    /// SHA-256 of its text.
    pub hash: TokenHash,
    /// What it is called in listings.
    pub name: String,
    /// The person that it acts for.
    pub user_email: Option<String>,
    /// What it allows.
    pub scope: ScopeSet,
    /// The resources (RFC 8707) that it is for, to the letter.
    pub resources: Vec<String>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, as far as written down.
    pub last_used_at: Option<Timestamp>,
}

fn from_row(row: &Row) -> Result<BearerToken, StorageError> {
    let (scope, resources): (String, String) = (row.get(4)?, row.get(5)?);
    Ok(BearerToken {
        id: row.get(0)?,
        hash: row.get(1)?,
        name: row.get(2)?,
        user_email: row.get(3)?,
        scope: scope.parse().map_err(|_| StorageError::Inconsistent { what: "bearer_tokens.scope" })?,
        resources: serde_json::from_str(&resources)
            .map_err(|_| StorageError::Inconsistent { what: "bearer_tokens.resources" })?,
        created_at: row.get(6)?,
        expires_at: row.get(7)?,
        revoked_at: row.get(8)?,
        last_used_at: row.get(9)?,
    })
}

/// Stores a fresh token.
pub async fn insert(tx: &mut Transaction, token: &BearerToken) -> Result<(), StorageError> {
    let params = params![
        token.id,
        token.hash.as_bytes(),
        &token.name,
        token.user_email.as_deref(),
        token.scope.to_string(),
        serde_json::json!(token.resources).to_string(),
        token.created_at,
        token.expires_at,
    ];
    tx.execute(
        "INSERT INTO bearer_tokens (id, hash, name, user_email, scope, resources, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        params,
    )
    .await
    .map(drop)
}

/// Every token there ever was, newest first.
pub async fn list(db: &Database) -> Result<Vec<BearerToken>, StorageError> {
    let sql = "SELECT id, hash, name, user_email, scope, resources, created_at, expires_at, revoked_at, last_used_at \
               FROM bearer_tokens ORDER BY created_at DESC, id";
    db.query(sql, params![]).await?.iter().map(from_row).collect()
}

/// The tokens that are neither revoked nor, at `now`, expired.
pub async fn list_live(db: &Database, now: Timestamp) -> Result<Vec<BearerToken>, StorageError> {
    let sql = "SELECT id, hash, name, user_email, scope, resources, created_at, expires_at, revoked_at, last_used_at \
               FROM bearer_tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1) \
               ORDER BY created_at DESC, id";
    db.query(sql, params![now]).await?.iter().map(from_row).collect()
}

/// Revokes a token; whether there was one to revoke.
pub async fn revoke(tx: &mut Transaction, id: Uuid, now: Timestamp) -> Result<bool, StorageError> {
    let sql = "UPDATE bearer_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    Ok(tx.execute(sql, params![id, now]).await? == 1)
}

/// Writes down that a token was used; never sets the time back.
pub async fn touch(tx: &mut Transaction, id: Uuid, at: Timestamp) -> Result<(), StorageError> {
    let sql =
        "UPDATE bearer_tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
    tx.execute(sql, params![id, at]).await.map(drop)
}
