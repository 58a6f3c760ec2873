//! Table `passwords`: one PHC string for each person who logs in by password.

use keyward_core::clock::Timestamp;
use keyward_core::id::UserId;

use crate::database::{Database, Transaction};
use crate::error::StorageError;
use crate::params;

/// The PHC string of a person.
pub async fn get(db: &Database, user: UserId) -> Result<Option<String>, StorageError> {
    let row = db.query_opt("SELECT phc FROM passwords WHERE user_id = $1", params![user]).await?;
    row.map(|row| row.get(0)).transpose()
}

/// Stores it, in place of an earlier one.
pub async fn put(tx: &mut Transaction, user: UserId, phc: &str, now: Timestamp) -> Result<(), StorageError> {
    let sql = "INSERT INTO passwords (user_id, phc, updated_at) VALUES ($1, $2, $3) \
               ON CONFLICT (user_id) DO UPDATE SET phc = excluded.phc, updated_at = excluded.updated_at";
    tx.execute(sql, params![user, phc, now]).await.map(|_| ())
}

/// Stores a better hash of the same password, unless the password was changed since `old` was read.
pub async fn upgrade(
    tx: &mut Transaction,
    user: UserId,
    old: &str,
    new: &str,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let sql = "UPDATE passwords SET phc = $3, updated_at = $4 WHERE user_id = $1 AND phc = $2";
    Ok(tx.execute(sql, params![user, old, new, now]).await? == 1)
}
