//! Table `users`: the people with an account.

use keyward_core::clock::Timestamp;
use keyward_core::id::UserId;

use crate::error::StorageError;
use crate::params;
use crate::row::Row;
use crate::{Database, Transaction};

/// A person with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The `sub` of their tokens.
    pub id: UserId,
    /// In lower case; unique.
    pub email: String,
    /// What they are called, when they have said so.
    pub name: Option<String>,
    /// Whether they administer this server.
    pub is_admin: bool,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When it was closed.
    pub disabled_at: Option<Timestamp>,
}

impl User {
    /// From the columns of this table, in the order of the fields.
    pub(crate) fn from_row(row: &Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: row.get(0)?,
            email: row.get(1)?,
            name: row.get(2)?,
            is_admin: row.get(3)?,
            created_at: row.get(4)?,
            disabled_at: row.get(5)?,
        })
    }
}

/// Adds an account; `false` when the e-mail address has one already.
pub async fn insert(tx: &mut Transaction, user: &User) -> Result<bool, StorageError> {
    let sql = "INSERT INTO users (id, email, name, is_admin, created_at, disabled_at) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (email) DO NOTHING";
    let values =
        params![user.id, user.email.as_str(), user.name.clone(), user.is_admin, user.created_at, user.disabled_at];
    Ok(tx.execute(sql, values).await? == 1)
}

/// The account with an id.
pub async fn by_id(db: &Database, id: UserId) -> Result<Option<User>, StorageError> {
    let sql = "SELECT id, email, name, is_admin, created_at, disabled_at FROM users WHERE id = $1";
    db.query_opt(sql, params![id]).await?.as_ref().map(User::from_row).transpose()
}

/// The account with an e-mail address, given in lower case.
pub async fn by_email(db: &Database, email: &str) -> Result<Option<User>, StorageError> {
    let sql = "SELECT id, email, name, is_admin, created_at, disabled_at FROM users WHERE email = $1";
    db.query_opt(sql, params![email]).await?.as_ref().map(User::from_row).transpose()
}

/// Every account, by e-mail address.
pub async fn list(db: &Database) -> Result<Vec<User>, StorageError> {
    let sql = "SELECT id, email, name, is_admin, created_at, disabled_at FROM users ORDER BY email";
    db.query(sql, params![]).await?.iter().map(User::from_row).collect()
}

/// Whether there is any account.
pub async fn any(db: &Database) -> Result<bool, StorageError> {
    Ok(db.query_opt("SELECT 1 FROM users LIMIT 1", params![]).await?.is_some())
}

/// Closes an account; `false` when it is closed already or not there.
pub async fn disable(tx: &mut Transaction, id: UserId, now: Timestamp) -> Result<bool, StorageError> {
    let sql = "UPDATE users SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL";
    Ok(tx.execute(sql, params![id, now]).await? == 1)
}
