//! Table `token_versions`: versions before the current one, sealed anew for their place here, until their grace ends.

use keyward_core::clock::Timestamp;
use uuid::Uuid;

use crate::error::StorageError;
use crate::{Database, Row, Transaction, params};

/// A row of `token_versions`.
#[derive(Clone, Debug)]
pub struct TokenVersionRow {
    /// The row of `tokens` that it belongs to.
    pub token_id: Uuid,
    /// Its number.
    pub version: i64,
    /// The ciphertext.
    pub encrypted_value: Vec<u8>,
    /// The initialization vector.
    pub iv: Vec<u8>,
    /// The authentication tag.
    pub auth_tag: Vec<u8>,
    /// The data key it is sealed under.
    pub key_id: String,
    /// When it was stored as the current version.
    pub created_at: Timestamp,
    /// When it stops being usable.
    pub usable_until: Timestamp,
}

/// The versions before the current one that are usable at `now`, the newest first.
pub async fn usable(
    db: &Database,
    service: &str,
    key: &str,
    owner: &str,
    now: Timestamp,
) -> Result<Vec<TokenVersionRow>, StorageError> {
    let sql =
        "SELECT v.token_id, v.version, v.encrypted_value, v.iv, v.auth_tag, v.key_id, v.created_at, v.usable_until
        FROM token_versions v JOIN tokens t ON t.id = v.token_id
        WHERE t.service_id = $1 AND t.token_key = $2 AND t.owner = $3 AND v.version < t.version AND v.usable_until > $4
        ORDER BY v.version DESC";
    db.query(sql, params![service, key, owner, now]).await?.iter().map(read).collect()
}

/// Stores a version that has just been replaced.
pub async fn insert(transaction: &mut Transaction, row: &TokenVersionRow) -> Result<(), StorageError> {
    let sql = "INSERT INTO token_versions
            (token_id, version, encrypted_value, iv, auth_tag, key_id, created_at, usable_until)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let params = params![
        row.token_id,
        row.version,
        row.encrypted_value.as_slice(),
        row.iv.as_slice(),
        row.auth_tag.as_slice(),
        &row.key_id,
        row.created_at,
        row.usable_until,
    ];
    match transaction.execute(sql, params).await? {
        1 => Ok(()),
        _ => Err(StorageError::Inconsistent { what: "an earlier version of a token" }),
    }
}

/// Ends the earlier versions of a token at `until`, those that would end later.
pub async fn end_by(transaction: &mut Transaction, token_id: Uuid, until: Timestamp) -> Result<(), StorageError> {
    let sql = "UPDATE token_versions SET usable_until = $2 WHERE token_id = $1 AND usable_until > $2";
    transaction.execute(sql, params![token_id, until]).await.map(drop)
}

/// Destroys the versions of one token that are not usable any more.
pub async fn sweep_of(transaction: &mut Transaction, token_id: Uuid, now: Timestamp) -> Result<(), StorageError> {
    let sql = "DELETE FROM token_versions WHERE token_id = $1 AND usable_until <= $2";
    transaction.execute(sql, params![token_id, now]).await.map(drop)
}

/// Destroys the versions, of every token, that are not usable any more; how many there were.
pub async fn sweep(transaction: &mut Transaction, now: Timestamp) -> Result<u64, StorageError> {
    transaction.execute("DELETE FROM token_versions WHERE usable_until <= $1", params![now]).await
}

fn read(row: &Row) -> Result<TokenVersionRow, StorageError> {
    Ok(TokenVersionRow {
        token_id: row.get(0)?,
        version: row.get(1)?,
        encrypted_value: row.get(2)?,
        iv: row.get(3)?,
        auth_tag: row.get(4)?,
        key_id: row.get(5)?,
        created_at: row.get(6)?,
        usable_until: row.get(7)?,
    })
}
