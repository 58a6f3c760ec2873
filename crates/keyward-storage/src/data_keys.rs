//! Data keys of the cabinet, wrapped by the root key. This room stores them and opens none.

use keyward_core::clock::Timestamp;

use crate::error::StorageError;
use crate::{Database, Row, Transaction, params};

/// What a data key may still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKeyState {
    /// It seals and opens.
    Active,
    /// It opens what it has sealed.
    DecryptOnly,
    /// Nothing is sealed with it any more.
    Retired,
}

impl DataKeyState {
    /// The word in the column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::DecryptOnly => "decrypt_only",
            Self::Retired => "retired",
        }
    }

    fn from_stored(word: &str) -> Result<Self, StorageError> {
        [Self::Active, Self::DecryptOnly, Self::Retired]
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| StorageError::Inconsistent { what: "data_keys.state" })
    }
}

/// A row of `data_keys`.
#[derive(Clone, Debug)]
pub struct DataKeyRow {
    /// Its id.
    pub key_id: String,
    /// What it may still do.
    pub state: DataKeyState,
    /// The key under the root key.
    pub wrapped_key: Vec<u8>,
    /// The id of that root key.
    pub wrapped_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// How often it has sealed, or more.
    pub sealed_count: i64,
}

const ALL: &str = "SELECT key_id, state, wrapped_key, wrapped_by, created_at, sealed_count FROM data_keys ORDER BY created_at, key_id";

/// Every data key, the oldest first.
pub async fn all(db: &Database) -> Result<Vec<DataKeyRow>, StorageError> {
    db.query(ALL, &[]).await?.iter().map(read).collect()
}

/// The same, as a transaction sees it.
pub async fn all_in(transaction: &mut Transaction) -> Result<Vec<DataKeyRow>, StorageError> {
    transaction.query(ALL, &[]).await?.iter().map(read).collect()
}

/// Stores a new one.
pub async fn insert(transaction: &mut Transaction, row: &DataKeyRow) -> Result<(), StorageError> {
    let sql = "INSERT INTO data_keys (key_id, state, wrapped_key, wrapped_by, created_at, sealed_count)
        VALUES ($1, $2, $3, $4, $5, $6)";
    let wrapped_key = row.wrapped_key.as_slice();
    let params =
        params![&row.key_id, row.state.as_str(), wrapped_key, &row.wrapped_by, row.created_at, row.sealed_count];
    transaction.execute(sql, params).await.map(drop)
}

/// Changes what a key may do; whether there is such a key.
pub async fn set_state(transaction: &mut Transaction, key_id: &str, state: DataKeyState) -> Result<bool, StorageError> {
    let sql = "UPDATE data_keys SET state = $2 WHERE key_id = $1";
    Ok(transaction.execute(sql, params![key_id, state.as_str()]).await? == 1)
}

/// Counts `count` more seals, if the key is active and has not more than `limit` then; whether it was counted.
pub async fn reserve(db: &Database, key_id: &str, count: i64, limit: i64) -> Result<bool, StorageError> {
    let sql = "UPDATE data_keys SET sealed_count = sealed_count + $2
        WHERE key_id = $1 AND state = 'active' AND sealed_count <= $3";
    Ok(db.execute(sql, params![key_id, count, limit.saturating_sub(count)]).await? == 1)
}

/// Puts another wrapping in the place of the one in `row`; whether that was still there.
pub async fn rewrap(
    transaction: &mut Transaction,
    row: &DataKeyRow,
    wrapped_key: &[u8],
    wrapped_by: &str,
) -> Result<bool, StorageError> {
    let sql = "UPDATE data_keys SET wrapped_key = $2, wrapped_by = $3 WHERE key_id = $1 AND wrapped_key = $4";
    let params = params![&row.key_id, wrapped_key, wrapped_by, row.wrapped_key.as_slice()];
    Ok(transaction.execute(sql, params).await? == 1)
}

/// The key that an unfinished rotation seals with; `None` when none is under way.
pub async fn rotation(db: &Database) -> Result<Option<String>, StorageError> {
    db.query_opt("SELECT target FROM key_rotation", &[]).await?.map(|row| row.get(0)).transpose()
}

/// Notes that a rotation to `key_id` is under way.
pub async fn begin_rotation(transaction: &mut Transaction, key_id: &str, at: Timestamp) -> Result<(), StorageError> {
    let sql = "INSERT INTO key_rotation (id, target, started_at) VALUES (1, $1, $2)
        ON CONFLICT (id) DO UPDATE SET target = excluded.target, started_at = excluded.started_at";
    transaction.execute(sql, params![key_id, at]).await.map(drop)
}

/// Notes that no rotation is under way any more.
pub async fn end_rotation(transaction: &mut Transaction) -> Result<(), StorageError> {
    transaction.execute("DELETE FROM key_rotation", &[]).await.map(drop)
}

fn read(row: &Row) -> Result<DataKeyRow, StorageError> {
    Ok(DataKeyRow {
        key_id: row.get(0)?,
        state: DataKeyState::from_stored(&row.get::<String>(1)?)?,
        wrapped_key: row.get(2)?,
        wrapped_by: row.get(3)?,
        created_at: row.get(4)?,
        sealed_count: row.get(5)?,
    })
}
