//! Refresh tokens (RFC 6749 §1.5), by the hash of their text. Those of one grant are one family: a chain, each with the
//! one that it was exchanged for.

use keyward_core::clock::Timestamp;
use keyward_core::id::GrantId;
use keyward_core::secret::TokenHash;

use crate::error::StorageError;
use crate::sealed::SealedColumns;
use crate::{Database, Row, Transaction, params};

/// One refresh token.
#[derive(Debug)]
pub struct RefreshToken {
    /// Of its text.
    pub hash: TokenHash,
    /// The grant it belongs to.
    pub grant_id: GrantId,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends if it is not used.
    pub expires_at: Timestamp,
    /// What became of it when it was used.
    pub used: Option<Used>,
}

/// A refresh token was exchanged.
#[derive(Debug)]
pub struct Used {
    /// When.
    pub at: Timestamp,
    /// For which one.
    pub successor_hash: TokenHash,
    /// That one's text, so that a repeat within the grace gets the same.
    pub successor: SealedColumns,
}

fn from_row(row: &Row) -> Result<RefreshToken, StorageError> {
    let used = match row.get(4)? {
        None => None,
        Some(at) => Some(Used { at, successor_hash: row.get(5)?, successor: SealedColumns::from_row(row, 6)? }),
    };
    Ok(RefreshToken {
        hash: row.get(0)?,
        grant_id: row.get(1)?,
        created_at: row.get(2)?,
        expires_at: row.get(3)?,
        used,
    })
}

/// Stores a new one.
pub async fn insert(
    tx: &mut Transaction,
    hash: &TokenHash,
    grant_id: GrantId,
    created_at: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StorageError> {
    tx.execute(
        "INSERT INTO refresh_tokens (hash, grant_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        params![hash.as_bytes().to_vec(), grant_id, created_at, expires_at],
    )
    .await
    .map(drop)
}

/// The one of this hash, used or not.
pub async fn find(db: &Database, hash: &TokenHash) -> Result<Option<RefreshToken>, StorageError> {
    let row = db
        .query_opt(
            "SELECT hash, grant_id, created_at, expires_at, used_at, successor_hash, successor_sealed, \
             successor_iv, successor_tag, successor_key_id \
             FROM refresh_tokens WHERE hash = $1",
            params![hash.as_bytes().to_vec()],
        )
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// The one of this hash as this transaction sees it, after whoever was using it at the same time.
pub async fn find_within(tx: &mut Transaction, hash: &TokenHash) -> Result<Option<RefreshToken>, StorageError> {
    let row = tx
        .query_opt(
            "SELECT hash, grant_id, created_at, expires_at, used_at, successor_hash, successor_sealed, \
             successor_iv, successor_tag, successor_key_id \
             FROM refresh_tokens WHERE hash = $1",
            params![hash.as_bytes().to_vec()],
        )
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// Exchanges a token for its successor; `false` when someone else has used it, or it is too late.
pub async fn use_up(tx: &mut Transaction, hash: &TokenHash, used: &Used) -> Result<bool, StorageError> {
    let changed = tx
        .execute(
            "UPDATE refresh_tokens SET used_at = $2, successor_hash = $3, successor_sealed = $4, \
             successor_iv = $5, successor_tag = $6, successor_key_id = $7 \
             WHERE hash = $1 AND used_at IS NULL AND expires_at > $2",
            params![
                hash.as_bytes().to_vec(),
                used.at,
                used.successor_hash.as_bytes().to_vec(),
                used.successor.ciphertext.clone(),
                used.successor.iv.clone(),
                used.successor.tag.clone(),
                used.successor.key_id.as_str(),
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Deletes those that ended before `before`, used or not; how many.
pub async fn delete_expired(db: &Database, before: Timestamp) -> Result<u64, StorageError> {
    db.execute("DELETE FROM refresh_tokens WHERE expires_at < $1", params![before]).await
}
