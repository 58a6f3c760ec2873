//! Table `passwords`: one PHC string for each person who logs in by password.

use keyward_core::clock::Timestamp;
use keyward_core::id::UserId;

use crate::error::StorageError;
use crate::params;
use crate::users::User;
use crate::{Database, Transaction};

/// The account with an e-mail address, given in lower case, and its PHC string. It is one statement, so that the answer
/// takes as long whether there is an account or not.
pub async fn of_email(db: &Database, email: &str) -> Result<Option<(User, Option<String>)>, StorageError> {
    let sql = "SELECT u.id, u.email, u.name, u.is_admin, u.created_at, u.disabled_at, p.phc \
               FROM users u LEFT JOIN passwords p ON p.user_id = u.id WHERE u.email = $1";
    let row = db.query_opt(sql, params![email]).await?;
    row.map(|row| Ok((User::from_row(&row)?, row.get(6)?))).transpose()
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
