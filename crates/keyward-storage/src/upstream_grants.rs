//! People's own grants at other authorization servers: what a person has connected, sealed by the vault.
//!
//! A row changes by compare and set on its version, so that of two refreshes one is kept.

use keyward_core::clock::Timestamp;
use keyward_core::id::UserId;
use uuid::Uuid;

use crate::error::StorageError;
use crate::sealed::SealedColumns;
use crate::{Database, Row, Transaction, params};

/// One grant.
#[derive(Clone, Debug)]
pub struct UpstreamGrant {
    /// Its id.
    pub id: Uuid,
    /// The connection of the configuration that it is of.
    pub connection: String,
    /// Whose it is.
    pub owner: UserId,
    /// Their e-mail address; of the account, not of the row.
    pub owner_email: String,
    /// Its tokens.
    pub sealed: SealedColumns,
    /// Its number, one more for each set of tokens.
    pub version: i64,
    /// Whether it can be used.
    pub state: UpstreamGrantState,
    /// Why it is broken.
    pub reason: Option<String>,
    /// What it allows, as the authorization server says it.
    pub scope: String,
    /// The authorization server that gave it.
    pub issuer: String,
    /// The client to which it was given.
    pub client_id: String,
    /// The resource that it was asked for (RFC 8707).
    pub resource: Option<String>,
    /// When the person connected.
    pub created_at: Timestamp,
    /// When its present tokens were minted.
    pub updated_at: Timestamp,
    /// When the access token ends, as far as known.
    pub expires_at: Option<Timestamp>,
    /// When to refresh, or to try again after a failure.
    pub refresh_after: Option<Timestamp>,
    /// When a refresh began whose outcome is not known.
    pub refresh_began_at: Option<Timestamp>,
    /// How many refreshes have failed since the last that did not.
    pub failures: i64,
}

/// Whether a grant can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamGrantState {
    /// It can.
    Active,
    /// Its person has to connect again.
    Broken,
}

impl UpstreamGrantState {
    /// The word as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Broken => "broken",
        }
    }
}

fn from_row(row: &Row) -> Result<UpstreamGrant, StorageError> {
    let state: String = row.get(9)?;
    let state = [UpstreamGrantState::Active, UpstreamGrantState::Broken].into_iter().find(|s| s.as_str() == state);
    Ok(UpstreamGrant {
        id: row.get(0)?,
        connection: row.get(1)?,
        owner: row.get(2)?,
        owner_email: row.get(3)?,
        sealed: SealedColumns::from_row(row, 4)?,
        version: row.get(8)?,
        state: state.ok_or(StorageError::Inconsistent { what: "upstream_grants.state" })?,
        reason: row.get(10)?,
        scope: row.get(11)?,
        issuer: row.get(12)?,
        client_id: row.get(13)?,
        resource: row.get(14)?,
        created_at: row.get(15)?,
        updated_at: row.get(16)?,
        expires_at: row.get(17)?,
        refresh_after: row.get(18)?,
        refresh_began_at: row.get(19)?,
        failures: row.get(20)?,
    })
}

/// The grant of a person for a connection.
pub async fn find(db: &Database, connection: &str, owner: UserId) -> Result<Option<UpstreamGrant>, StorageError> {
    let sql = "SELECT g.id, g.connection, g.user_id, u.email, g.sealed, g.iv, g.auth_tag, g.key_id, g.version, g.state, \
               g.reason, g.scope, g.issuer, g.client_id, g.resource, g.created_at, g.updated_at, g.expires_at, \
               g.refresh_after, g.refresh_began_at, g.failures \
               FROM upstream_grants g JOIN users u ON u.id = g.user_id WHERE g.connection = $1 AND g.user_id = $2";
    db.query_opt(sql, params![connection, owner]).await?.as_ref().map(from_row).transpose()
}

/// The grants of a person, by connection.
pub async fn of_user(db: &Database, owner: UserId) -> Result<Vec<UpstreamGrant>, StorageError> {
    let sql = "SELECT g.id, g.connection, g.user_id, u.email, g.sealed, g.iv, g.auth_tag, g.key_id, g.version, g.state, \
               g.reason, g.scope, g.issuer, g.client_id, g.resource, g.created_at, g.updated_at, g.expires_at, \
               g.refresh_after, g.refresh_began_at, g.failures \
               FROM upstream_grants g JOIN users u ON u.id = g.user_id WHERE g.user_id = $1 ORDER BY g.connection";
    db.query(sql, params![owner]).await?.iter().map(from_row).collect()
}

/// Every grant, by connection and person.
pub async fn list(db: &Database) -> Result<Vec<UpstreamGrant>, StorageError> {
    let sql = "SELECT g.id, g.connection, g.user_id, u.email, g.sealed, g.iv, g.auth_tag, g.key_id, g.version, g.state, \
               g.reason, g.scope, g.issuer, g.client_id, g.resource, g.created_at, g.updated_at, g.expires_at, \
               g.refresh_after, g.refresh_began_at, g.failures \
               FROM upstream_grants g JOIN users u ON u.id = g.user_id ORDER BY g.connection, u.email";
    db.query(sql, params![]).await?.iter().map(from_row).collect()
}

/// The people whose grant for a connection is broken for `reason`, and who have a login or a client here that has not ended.
pub async fn broken(db: &Database, connection: &str, reason: &str) -> Result<Vec<UserId>, StorageError> {
    let sql = "SELECT u.user_id FROM upstream_grants u WHERE u.connection = $1 AND u.state = 'broken' AND u.reason = $2 \
               AND (EXISTS (SELECT 1 FROM grants g WHERE g.user_id = u.user_id AND g.ended_at IS NULL) \
               OR EXISTS (SELECT 1 FROM user_sessions s WHERE s.user_id = u.user_id AND s.ended_at IS NULL))";
    db.query(sql, params![connection, reason]).await?.iter().map(|row| row.get(0)).collect()
}

/// Whether a person's grant for a connection is broken for `reason`; it stays so until the end of the transaction.
pub async fn hold_broken(
    tx: &mut Transaction,
    connection: &str,
    owner: UserId,
    reason: &str,
) -> Result<bool, StorageError> {
    let sql = "UPDATE upstream_grants SET reason = reason \
               WHERE connection = $1 AND user_id = $2 AND state = 'broken' AND reason = $3";
    Ok(tx.execute(sql, params![connection, owner, reason]).await? == 1)
}

/// Stores a grant of a person who has none for this connection and whose account is open; whether it was stored.
pub async fn insert(tx: &mut Transaction, grant: &UpstreamGrant) -> Result<bool, StorageError> {
    let sql = "INSERT INTO upstream_grants (id, connection, user_id, sealed, iv, auth_tag, key_id, version, state, scope, \
               issuer, client_id, resource, created_at, updated_at, expires_at, refresh_after, failures) \
               SELECT $1, $2, u.id, $4, $5, $6, $7, $8, 'active', $9, $10, $11, $12, $13, $14, $15, $16, 0 \
               FROM users u WHERE u.id = $3 AND u.disabled_at IS NULL \
               ON CONFLICT (connection, user_id) DO NOTHING";
    let values = params![
        grant.id,
        grant.connection.as_str(),
        grant.owner,
        grant.sealed.ciphertext.as_slice(),
        grant.sealed.iv.as_slice(),
        grant.sealed.tag.as_slice(),
        grant.sealed.key_id.as_str(),
        grant.version,
        grant.scope.as_str(),
        grant.issuer.as_str(),
        grant.client_id.as_str(),
        grant.resource.clone(),
        grant.created_at,
        grant.updated_at,
        grant.expires_at,
        grant.refresh_after,
    ];
    Ok(tx.execute(sql, values).await? == 1)
}

/// Puts a set of tokens in the place of version `expected`, which ends whatever was wrong with that; whether it was the
/// version there.
pub async fn replace(tx: &mut Transaction, grant: &UpstreamGrant, expected: i64) -> Result<bool, StorageError> {
    let sql = "UPDATE upstream_grants SET sealed = $2, iv = $3, auth_tag = $4, key_id = $5, version = $6, \
               state = 'active', reason = NULL, scope = $7, issuer = $8, client_id = $9, resource = $10, \
               created_at = $11, updated_at = $12, expires_at = $13, refresh_after = $14, refresh_began_at = NULL, \
               failures = 0 WHERE id = $1 AND version = $15";
    let values = params![
        grant.id,
        grant.sealed.ciphertext.as_slice(),
        grant.sealed.iv.as_slice(),
        grant.sealed.tag.as_slice(),
        grant.sealed.key_id.as_str(),
        grant.version,
        grant.scope.as_str(),
        grant.issuer.as_str(),
        grant.client_id.as_str(),
        grant.resource.clone(),
        grant.created_at,
        grant.updated_at,
        grant.expires_at,
        grant.refresh_after,
        expected,
    ];
    Ok(tx.execute(sql, values).await? == 1)
}

/// Notes that a refresh of this version begins; whether it is the version there.
pub async fn begin_refresh(db: &Database, id: Uuid, version: i64, now: Timestamp) -> Result<bool, StorageError> {
    let sql = "UPDATE upstream_grants SET refresh_began_at = $3 WHERE id = $1 AND version = $2 AND state = 'active'";
    Ok(db.execute(sql, params![id, version, now]).await? == 1)
}

/// Notes that a refresh failed, and when to try again. `is_over` says that the authorization server answered, so that
/// nothing of the refresh can still come to be.
pub async fn fail_refresh(
    db: &Database,
    id: Uuid,
    version: i64,
    again: Timestamp,
    is_over: bool,
) -> Result<bool, StorageError> {
    let sql = "UPDATE upstream_grants SET failures = failures + 1, refresh_after = $3, \
               refresh_began_at = CASE WHEN $4 THEN NULL ELSE refresh_began_at END WHERE id = $1 AND version = $2";
    Ok(db.execute(sql, params![id, version, again, is_over]).await? == 1)
}

/// Marks a version as one that only its person can mend; whether it was the version there, and not marked yet.
pub async fn mark_broken(tx: &mut Transaction, id: Uuid, version: i64, reason: &str) -> Result<bool, StorageError> {
    let sql = "UPDATE upstream_grants SET state = 'broken', reason = $3, refresh_began_at = NULL \
               WHERE id = $1 AND version = $2 AND state = 'active'";
    Ok(tx.execute(sql, params![id, version, reason]).await? == 1)
}

/// Deletes a grant, and gives it as it was: its provider still honours it.
pub async fn take(tx: &mut Transaction, id: Uuid) -> Result<Option<UpstreamGrant>, StorageError> {
    let sql = "DELETE FROM upstream_grants WHERE id = $1 RETURNING id, connection, user_id, \
               (SELECT u.email FROM users u WHERE u.id = user_id), sealed, iv, auth_tag, key_id, version, state, reason, \
               scope, issuer, client_id, resource, created_at, updated_at, expires_at, refresh_after, refresh_began_at, \
               failures";
    tx.query_opt(sql, params![id]).await?.as_ref().map(from_row).transpose()
}

/// Deletes the grants of a person, and gives them as they were: their providers still honour them.
pub async fn take_of_user(tx: &mut Transaction, owner: UserId) -> Result<Vec<UpstreamGrant>, StorageError> {
    let sql = "DELETE FROM upstream_grants WHERE user_id = $1 RETURNING id, connection, user_id, \
               (SELECT u.email FROM users u WHERE u.id = user_id), sealed, iv, auth_tag, key_id, version, state, reason, \
               scope, issuer, client_id, resource, created_at, updated_at, expires_at, refresh_after, refresh_began_at, \
               failures";
    tx.query(sql, params![owner]).await?.iter().map(from_row).collect()
}
