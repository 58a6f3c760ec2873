//! Table `session_identities`: which login at an identity provider a session here came from.

use keyward_core::id::{SessionId, UserId};

use crate::error::StorageError;
use crate::params;
use crate::{Database, Transaction};

/// Notes where a session came from; `sid` is the session there (OpenID Connect Back-Channel Logout §2.1).
pub async fn insert(
    tx: &mut Transaction,
    session: SessionId,
    issuer: &str,
    subject: &str,
    sid: Option<&str>,
) -> Result<(), StorageError> {
    let sql = "INSERT INTO session_identities (session_id, issuer, subject, sid) VALUES ($1, $2, $3, $4)";
    tx.execute(sql, params![session, issuer, subject, sid.map(str::to_owned)]).await.map(drop)
}

/// Whose sessions came from a session there.
pub async fn users_of_sid(db: &Database, issuer: &str, sid: &str) -> Result<Vec<UserId>, StorageError> {
    let sql = "SELECT DISTINCT s.user_id FROM session_identities i JOIN user_sessions s ON s.id = i.session_id \
               WHERE i.issuer = $1 AND i.sid = $2";
    db.query(sql, params![issuer, sid]).await?.iter().map(|row| row.get(0)).collect()
}

/// Whether a session came from a login at an identity provider.
pub async fn is_there(db: &Database, session: SessionId) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM session_identities WHERE session_id = $1";
    Ok(db.query_opt(sql, params![session]).await?.is_some())
}
