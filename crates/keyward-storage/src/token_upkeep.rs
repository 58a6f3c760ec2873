//! Table `token_upkeep`: what was done for tokens besides keeping them: rotations that failed, reminders that were given.
//! By name, since a token may lie in a store elsewhere.

use keyward_core::clock::Timestamp;

use crate::error::StorageError;
use crate::{Database, params};

/// Failures in a row of the rotation of a shared token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub count: i64,
    /// When to try again.
    pub retry_at: Option<Timestamp>,
}

/// The failures of a token's rotation since its last success.
pub async fn failures(db: &Database, service: &str, key: &str) -> Result<Failures, StorageError> {
    let sql = "SELECT failures, retry_at FROM token_upkeep WHERE service_id = $1 AND token_key = $2 AND owner = ''";
    let row = db.query_opt(sql, params![service, key]).await?;
    row.map_or(Ok(Failures::default()), |row| Ok(Failures { count: row.get(0)?, retry_at: row.get(1)? }))
}

/// Keeps how often a token's rotation has failed.
pub async fn set_failures(db: &Database, service: &str, key: &str, failures: Failures) -> Result<(), StorageError> {
    let sql = "INSERT INTO token_upkeep (service_id, token_key, owner, failures, retry_at) VALUES ($1, $2, '', $3, $4) \
               ON CONFLICT (service_id, token_key, owner) \
               DO UPDATE SET failures = excluded.failures, retry_at = excluded.retry_at";
    db.execute(sql, params![service, key, failures.count, failures.retry_at]).await.map(drop)
}

/// How long before the end of the token that ends at `expires_at` the last reminder was due, in seconds, if one was given.
pub async fn reminded(
    db: &Database,
    service: &str,
    key: &str,
    owner: &str,
    expires_at: Timestamp,
) -> Result<Option<i64>, StorageError> {
    let sql = "SELECT reminded_before_s FROM token_upkeep \
               WHERE service_id = $1 AND token_key = $2 AND owner = $3 AND reminded_expires_at = $4";
    let row = db.query_opt(sql, params![service, key, owner, expires_at]).await?;
    row.map_or(Ok(None), |row| row.get(0))
}

/// Keeps that a reminder was given.
pub async fn set_reminded(
    db: &Database,
    service: &str,
    key: &str,
    owner: &str,
    expires_at: Timestamp,
    before_s: i64,
) -> Result<(), StorageError> {
    let sql = "INSERT INTO token_upkeep (service_id, token_key, owner, failures, reminded_expires_at, reminded_before_s) \
               VALUES ($1, $2, $3, 0, $4, $5) ON CONFLICT (service_id, token_key, owner) \
               DO UPDATE SET reminded_expires_at = excluded.reminded_expires_at, reminded_before_s = excluded.reminded_before_s";
    db.execute(sql, params![service, key, owner, expires_at, before_s]).await.map(drop)
}
