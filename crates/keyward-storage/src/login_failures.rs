//! Table `login_failures`: how often logging in has failed lately, by account and by address, so that the delay that
//! guessing meets survives a restart and holds for every replica.

use keyward_core::clock::Timestamp;

use crate::Transaction;
use crate::error::StorageError;
use crate::params;

/// What is kept of one account or address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginFailures {
    /// How many count at `last_at`.
    pub count: i64,
    /// When the last one was.
    pub last_at: Timestamp,
    /// Until when no attempt is taken.
    pub locked_until: Option<Timestamp>,
}

/// What is kept under `key`. Whoever writes it back holds [`Transaction::lock`] on the key.
pub async fn get(tx: &mut Transaction, key: &str) -> Result<Option<LoginFailures>, StorageError> {
    let row =
        tx.query_opt("SELECT count, last_at, locked_until FROM login_failures WHERE key = $1", params![key]).await?;
    row.map(|row| Ok(LoginFailures { count: row.get(0)?, last_at: row.get(1)?, locked_until: row.get(2)? })).transpose()
}

/// Keeps it.
pub async fn put(tx: &mut Transaction, key: &str, failures: &LoginFailures) -> Result<(), StorageError> {
    let sql = "INSERT INTO login_failures (key, count, last_at, locked_until) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (key) DO UPDATE SET count = excluded.count, last_at = excluded.last_at, \
               locked_until = excluded.locked_until";
    tx.execute(sql, params![key, failures.count, failures.last_at, failures.locked_until]).await.map(|_| ())
}

/// Forgets `key`.
pub async fn clear(tx: &mut Transaction, key: &str) -> Result<(), StorageError> {
    tx.execute("DELETE FROM login_failures WHERE key = $1", params![key]).await.map(|_| ())
}

/// Forgets what was last added to before `before`.
pub async fn prune(tx: &mut Transaction, before: Timestamp) -> Result<u64, StorageError> {
    tx.execute("DELETE FROM login_failures WHERE last_at < $1", params![before]).await
}
