//! Tokens of services, sealed. This room stores them and opens none.

use keyward_core::clock::Timestamp;
use uuid::Uuid;

use crate::error::StorageError;
use crate::{Database, Row, Transaction, params};

/// A row of `tokens`.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Its id.
    pub id: Uuid,
    /// The service.
    pub service_id: String,
    /// The name within the service.
    pub token_key: String,
    /// Whose it is: empty when shared, else the id of a user.
    pub owner: String,
    /// The ciphertext.
    pub encrypted_value: Vec<u8>,
    /// The initialization vector.
    pub iv: Vec<u8>,
    /// The authentication tag.
    pub auth_tag: Vec<u8>,
    /// When the first version was stored.
    pub created_at: Timestamp,
    /// When this version was stored.
    pub updated_at: Timestamp,
    /// Its number; 1 is the first.
    pub version: i64,
    /// The data key it is sealed under.
    pub key_id: String,
    /// What kind of value it is.
    pub kind: String,
    /// When the service ends it.
    pub expires_at: Option<Timestamp>,
    /// More facts, as a JSON object.
    pub metadata: String,
}

/// What opening a token needs of its row, where it lies.
#[derive(Debug)]
pub struct SealedToken<'a> {
    /// The ciphertext.
    pub encrypted_value: &'a [u8],
    /// The initialization vector.
    pub iv: &'a [u8],
    /// The authentication tag.
    pub auth_tag: &'a [u8],
    /// The data key it is sealed under.
    pub key_id: &'a str,
    /// Its number; 1 is the first.
    pub version: i64,
    /// When the service ends it.
    pub expires_at: Option<Timestamp>,
}

/// What `open` makes of the current version of a token. It should be quick: a connection waits for it.
pub async fn find_sealed<T>(
    db: &Database,
    service: &str,
    key: &str,
    owner: &str,
    open: impl FnOnce(SealedToken<'_>) -> T + Send,
) -> Result<Option<T>, StorageError> {
    let sql = "SELECT encrypted_value, iv, auth_tag, key_id, version, expires_at
        FROM tokens WHERE service_id = $1 AND token_key = $2 AND owner = $3";
    db.read_first(sql, params![service, key, owner], |row| {
        Ok(open(SealedToken {
            encrypted_value: row.bytes(0)?,
            iv: row.bytes(1)?,
            auth_tag: row.bytes(2)?,
            key_id: row.text(3)?,
            version: row.get(4)?,
            expires_at: row.get(5)?,
        }))
    })
    .await
}

/// The current version of a token.
pub async fn find(db: &Database, service: &str, key: &str, owner: &str) -> Result<Option<TokenRow>, StorageError> {
    let sql = "SELECT id, service_id, token_key, owner, encrypted_value, iv, auth_tag, created_at, updated_at, version,
            key_id, kind, expires_at, metadata
        FROM tokens WHERE service_id = $1 AND token_key = $2 AND owner = $3";
    db.query_opt(sql, params![service, key, owner]).await?.as_ref().map(read).transpose()
}

/// Every token.
pub async fn list(db: &Database) -> Result<Vec<TokenRow>, StorageError> {
    let sql = "SELECT id, service_id, token_key, owner, encrypted_value, iv, auth_tag, created_at, updated_at, version,
            key_id, kind, expires_at, metadata
        FROM tokens ORDER BY service_id, token_key, owner";
    db.query(sql, &[]).await?.iter().map(read).collect()
}

/// A token that ends.
#[derive(Clone, Debug)]
pub struct Expiring {
    /// The service.
    pub service_id: String,
    /// The name within the service.
    pub token_key: String,
    /// Whose it is: empty when shared, else the id of a user.
    pub owner: String,
    /// When the service ends it.
    pub expires_at: Timestamp,
}

/// The tokens that end by `until`.
pub async fn expiring(db: &Database, until: Timestamp) -> Result<Vec<Expiring>, StorageError> {
    let sql = "SELECT service_id, token_key, owner, expires_at FROM tokens WHERE expires_at <= $1
        ORDER BY service_id, token_key, owner";
    let read = |row: &Row| {
        Ok(Expiring { service_id: row.get(0)?, token_key: row.get(1)?, owner: row.get(2)?, expires_at: row.get(3)? })
    };
    db.query(sql, params![until]).await?.iter().map(read).collect()
}

/// Stores a token where there is none; whether it was stored.
pub async fn insert(transaction: &mut Transaction, row: &TokenRow) -> Result<bool, StorageError> {
    let sql =
        "INSERT INTO tokens (id, service_id, token_key, owner, encrypted_value, iv, auth_tag, created_at, updated_at,
            version, key_id, kind, expires_at, metadata)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        ON CONFLICT (service_id, token_key, owner) DO NOTHING";
    let params = params![
        row.id,
        &row.service_id,
        &row.token_key,
        &row.owner,
        row.encrypted_value.as_slice(),
        row.iv.as_slice(),
        row.auth_tag.as_slice(),
        row.created_at,
        row.updated_at,
        row.version,
        &row.key_id,
        &row.kind,
        row.expires_at,
        &row.metadata,
    ];
    Ok(transaction.execute(sql, params).await? == 1)
}

/// Puts a new version in the place of `expected`; whether that was the version there.
pub async fn replace(transaction: &mut Transaction, row: &TokenRow, expected: i64) -> Result<bool, StorageError> {
    let sql =
        "UPDATE tokens SET encrypted_value = $4, iv = $5, auth_tag = $6, updated_at = $7, version = $8, key_id = $9,
            kind = $10, expires_at = $11, metadata = $12
        WHERE service_id = $1 AND token_key = $2 AND owner = $3 AND version = $13";
    let params = params![
        &row.service_id,
        &row.token_key,
        &row.owner,
        row.encrypted_value.as_slice(),
        row.iv.as_slice(),
        row.auth_tag.as_slice(),
        row.updated_at,
        row.version,
        &row.key_id,
        &row.kind,
        row.expires_at,
        &row.metadata,
        expected,
    ];
    Ok(transaction.execute(sql, params).await? == 1)
}

/// Deletes a token, and with it its earlier versions; whether there was one.
pub async fn delete(
    transaction: &mut Transaction,
    service: &str,
    key: &str,
    owner: &str,
) -> Result<bool, StorageError> {
    let sql = "DELETE FROM tokens WHERE service_id = $1 AND token_key = $2 AND owner = $3";
    Ok(transaction.execute(sql, params![service, key, owner]).await? == 1)
}

fn read(row: &Row) -> Result<TokenRow, StorageError> {
    Ok(TokenRow {
        id: row.get(0)?,
        service_id: row.get(1)?,
        token_key: row.get(2)?,
        owner: row.get(3)?,
        encrypted_value: row.get(4)?,
        iv: row.get(5)?,
        auth_tag: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
        version: row.get(9)?,
        key_id: row.get(10)?,
        kind: row.get(11)?,
        expires_at: row.get(12)?,
        metadata: row.get(13)?,
    })
}
