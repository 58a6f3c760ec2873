//! Table `logout_tokens`: logout tokens (OpenID Connect Back-Channel Logout §2.4) that were used.

use keyward_core::clock::Timestamp;
use keyward_core::secret::TokenHash;

use crate::error::StorageError;
use crate::params;
use crate::{Database, Transaction};

/// Uses one up; `false` when it was used before. After `expires_at` it would be refused for its age.
pub async fn use_up(tx: &mut Transaction, token: &TokenHash, expires_at: Timestamp) -> Result<bool, StorageError> {
    let sql = "INSERT INTO logout_tokens (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING";
    Ok(tx.execute(sql, params![token.as_bytes(), expires_at]).await? == 1)
}

/// Forgets those that have expired; how many.
pub async fn delete_expired(db: &Database, now: Timestamp) -> Result<u64, StorageError> {
    db.execute("DELETE FROM logout_tokens WHERE expires_at < $1", params![now]).await
}
