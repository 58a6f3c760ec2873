//! Table `identities`: who the people of an identity provider are here. An account is found by issuer and subject
//! (OpenID Connect Core §5.7); an e-mail address may be given to somebody else there.

use keyward_core::clock::Timestamp;
use keyward_core::id::UserId;

use crate::error::StorageError;
use crate::params;
use crate::users::User;
use crate::{Database, Transaction};

/// The account of an identity.
pub async fn user_of(db: &Database, issuer: &str, subject: &str) -> Result<Option<User>, StorageError> {
    let sql = "SELECT u.id, u.email, u.name, u.is_admin, u.created_at, u.disabled_at \
               FROM identities i JOIN users u ON u.id = i.user_id WHERE i.issuer = $1 AND i.subject = $2";
    db.query_opt(sql, params![issuer, subject]).await?.as_ref().map(User::from_row).transpose()
}

/// Whether an account has an identity at an issuer.
pub async fn has_one(db: &Database, user: UserId, issuer: &str) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM identities WHERE user_id = $1 AND issuer = $2 LIMIT 1";
    Ok(db.query_opt(sql, params![user, issuer]).await?.is_some())
}

/// Whether an account has another identity at an issuer than this one.
pub async fn has_another(db: &Database, user: UserId, issuer: &str, subject: &str) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM identities WHERE user_id = $1 AND issuer = $2 AND subject <> $3 LIMIT 1";
    Ok(db.query_opt(sql, params![user, issuer, subject]).await?.is_some())
}

/// Says whose an identity is; `false` when it is somebody's already.
pub async fn insert(
    tx: &mut Transaction,
    issuer: &str,
    subject: &str,
    user: UserId,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let sql = "INSERT INTO identities (issuer, subject, user_id, created_at, last_login_at) VALUES ($1, $2, $3, $4, $4) \
               ON CONFLICT (issuer, subject) DO NOTHING";
    Ok(tx.execute(sql, params![issuer, subject, user, now]).await? == 1)
}

/// Notes a login.
pub async fn touch(tx: &mut Transaction, issuer: &str, subject: &str, now: Timestamp) -> Result<(), StorageError> {
    let sql = "UPDATE identities SET last_login_at = $3 WHERE issuer = $1 AND subject = $2";
    tx.execute(sql, params![issuer, subject, now]).await.map(drop)
}
