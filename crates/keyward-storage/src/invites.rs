//! Table `invites`: one-time links by which accounts are made.

use keyward_core::clock::Timestamp;
use keyward_core::id::UserId;
use keyward_core::secret::TokenHash;

use crate::error::StorageError;
use crate::params;
use crate::row::Row;
use crate::{Database, Transaction};

/// A one-time link, without its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// The only e-mail address that it is for; without one, whoever has the link says theirs.
    pub email: Option<String>,
    /// Whether the account administers this server.
    pub is_admin: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

impl Invite {
    fn from_row(row: &Row) -> Result<Self, StorageError> {
        Ok(Self {
            email: row.get(0)?,
            is_admin: row.get(1)?,
            created_at: row.get(2)?,
            expires_at: row.get(3)?,
            used_at: row.get(4)?,
        })
    }
}

/// Adds a link.
pub async fn insert(tx: &mut Transaction, hash: &TokenHash, invite: &Invite) -> Result<(), StorageError> {
    let sql = "INSERT INTO invites (hash, email, is_admin, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)";
    let values = params![hash.as_bytes(), invite.email.clone(), invite.is_admin, invite.created_at, invite.expires_at];
    tx.execute(sql, values).await.map(|_| ())
}

/// The link with a token, used or not.
pub async fn by_hash(db: &Database, hash: &TokenHash) -> Result<Option<Invite>, StorageError> {
    let sql = "SELECT email, is_admin, created_at, expires_at, used_at FROM invites WHERE hash = $1";
    db.query_opt(sql, params![hash.as_bytes()]).await?.as_ref().map(Invite::from_row).transpose()
}

/// The newest open link that names an e-mail address, given in lower case.
pub async fn open_for(db: &Database, email: &str, now: Timestamp) -> Result<Option<(TokenHash, Invite)>, StorageError> {
    let sql = "SELECT email, is_admin, created_at, expires_at, used_at, hash FROM invites \
               WHERE email = $1 AND used_at IS NULL AND expires_at > $2 ORDER BY created_at DESC LIMIT 1";
    let Some(row) = db.query_opt(sql, params![email, now]).await? else { return Ok(None) };
    let hash: Vec<u8> = row.get(5)?;
    let hash = TokenHash::from_stored(&hash).ok_or(StorageError::Inconsistent { what: "invites.hash" })?;
    Ok(Some((hash, Invite::from_row(&row)?)))
}

/// Uses a link up for `user`; `false` when it is used already, expired, or not there. Of several at once one wins.
pub async fn consume(
    tx: &mut Transaction,
    hash: &TokenHash,
    user: UserId,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let sql = "UPDATE invites SET used_at = $2, used_by = $3 WHERE hash = $1 AND used_at IS NULL AND expires_at > $2";
    Ok(tx.execute(sql, params![hash.as_bytes(), now, user]).await? == 1)
}

/// Whether an account is somebody's by invitation.
pub async fn has_used(db: &Database, user: UserId) -> Result<bool, StorageError> {
    Ok(db.query_opt("SELECT 1 FROM invites WHERE used_by = $1 LIMIT 1", params![user]).await?.is_some())
}

/// Closes the other open links that name the e-mail address of `user`.
pub async fn close_others(
    tx: &mut Transaction,
    email: &str,
    user: UserId,
    now: Timestamp,
) -> Result<u64, StorageError> {
    let sql = "UPDATE invites SET used_at = $2, used_by = $3 WHERE email = $1 AND used_at IS NULL";
    tx.execute(sql, params![email, now, user]).await
}
