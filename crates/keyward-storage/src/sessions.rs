//! Table `user_sessions`: one row for each login of a browser. The browser's token is stored as its hash.

use keyward_core::clock::Timestamp;
use keyward_core::id::{SessionId, UserId};
use keyward_core::secret::TokenHash;

use crate::error::StorageError;
use crate::params;
use crate::row::Row;
use crate::users::User;
use crate::{Database, Transaction};

/// One login of one browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The e-mail address at the time of the login.
    pub user_email: String,
    /// When the person logged in.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_activity: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// How the person proved who they are (RFC 8176), space-separated.
    pub auth_methods: String,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
}

impl Session {
    fn from_row(row: &Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: row.get(0)?,
            user_id: row.get(1)?,
            user_email: row.get(2)?,
            created_at: row.get(3)?,
            last_activity: row.get(4)?,
            expires_at: row.get(5)?,
            auth_methods: row.get(6)?,
            user_agent: row.get(7)?,
        })
    }
}

/// Adds a session.
pub async fn insert(tx: &mut Transaction, token: &TokenHash, session: &Session) -> Result<(), StorageError> {
    let sql = "INSERT INTO user_sessions (id, token_hash, user_id, user_email, created_at, last_activity, expires_at, \
               auth_methods, user_agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = params![
        session.id,
        token.as_bytes(),
        session.user_id,
        session.user_email.as_str(),
        session.created_at,
        session.last_activity,
        session.expires_at,
        session.auth_methods.as_str(),
        session.user_agent.clone()
    ];
    tx.execute(sql, values).await.map(|_| ())
}

/// The live session of a browser's token, and the person: not ended, not past its end, used since `active_since`, and
/// of an account that is not closed.
pub async fn live(
    db: &Database,
    token: &TokenHash,
    now: Timestamp,
    active_since: Timestamp,
) -> Result<Option<(Session, User)>, StorageError> {
    let sql = "SELECT s.id, s.user_id, s.user_email, s.created_at, s.last_activity, s.expires_at, s.auth_methods, \
               s.user_agent, u.email, u.name, u.is_admin, u.created_at \
               FROM user_sessions s JOIN users u ON u.id = s.user_id \
               WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND s.last_activity >= $3 \
               AND u.disabled_at IS NULL";
    let row = db.query_opt(sql, params![token.as_bytes(), now, active_since]).await?;
    let Some(row) = row else { return Ok(None) };
    let session = Session::from_row(&row)?;
    let user = User {
        id: session.user_id,
        email: row.get(8)?,
        name: row.get(9)?,
        is_admin: row.get(10)?,
        created_at: row.get(11)?,
        disabled_at: None,
    };
    Ok(Some((session, user)))
}

/// The live sessions of a person, the last used first.
pub async fn of_user(
    db: &Database,
    user: UserId,
    now: Timestamp,
    active_since: Timestamp,
) -> Result<Vec<Session>, StorageError> {
    let sql = "SELECT id, user_id, user_email, created_at, last_activity, expires_at, auth_methods, user_agent \
               FROM user_sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND last_activity >= $3 \
               ORDER BY last_activity DESC, id DESC";
    db.query(sql, params![user, now, active_since]).await?.iter().map(Session::from_row).collect()
}

/// Notes that a session is in use.
pub async fn touch(db: &Database, id: SessionId, now: Timestamp) -> Result<(), StorageError> {
    let sql = "UPDATE user_sessions SET last_activity = $2 WHERE id = $1 AND last_activity < $2";
    db.execute(sql, params![id, now]).await.map(|_| ())
}

/// Whether a session has not been ended; nobody can end it before the transaction is done.
pub async fn hold(tx: &mut Transaction, id: SessionId) -> Result<bool, StorageError> {
    let sql = "UPDATE user_sessions SET last_activity = last_activity WHERE id = $1 AND ended_at IS NULL";
    Ok(tx.execute(sql, params![id]).await? == 1)
}

/// Ends a session of a person; `false` when it had ended or is not theirs.
pub async fn end(tx: &mut Transaction, id: SessionId, user: UserId, now: Timestamp) -> Result<bool, StorageError> {
    let sql = "UPDATE user_sessions SET ended_at = $3 WHERE id = $1 AND user_id = $2 AND ended_at IS NULL";
    Ok(tx.execute(sql, params![id, user, now]).await? == 1)
}

/// Ends the session of a browser's token, whosever it is.
pub async fn end_by_token(tx: &mut Transaction, token: &TokenHash, now: Timestamp) -> Result<bool, StorageError> {
    let sql = "UPDATE user_sessions SET ended_at = $2 WHERE token_hash = $1 AND ended_at IS NULL";
    Ok(tx.execute(sql, params![token.as_bytes(), now]).await? == 1)
}

/// Ends every session of a person; says how many there were.
pub async fn end_all(tx: &mut Transaction, user: UserId, now: Timestamp) -> Result<u64, StorageError> {
    let sql = "UPDATE user_sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL";
    tx.execute(sql, params![user, now]).await
}
