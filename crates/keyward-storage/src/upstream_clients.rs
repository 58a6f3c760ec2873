//! Keyward's own registrations at other authorization servers (RFC 7591), by issuer.

use keyward_core::clock::Timestamp;
use uuid::Uuid;

use crate::error::StorageError;
use crate::sealed::SealedColumns;
use crate::{Database, Row, params};

/// One registration.
#[derive(Clone, Debug)]
pub struct UpstreamClient {
    /// Its id here.
    pub id: Uuid,
    /// The authorization server.
    pub issuer: String,
    /// Where that sends its answers.
    pub redirect_uri: String,
    /// What it calls Keyward.
    pub client_id: String,
    /// How Keyward proves to be it (RFC 7591 §2).
    pub token_endpoint_auth_method: String,
    /// Its secret; empty where it has none.
    pub sealed: SealedColumns,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the secret ends.
    pub secret_expires_at: Option<Timestamp>,
}

fn from_row(row: &Row) -> Result<UpstreamClient, StorageError> {
    Ok(UpstreamClient {
        id: row.get(0)?,
        issuer: row.get(1)?,
        redirect_uri: row.get(2)?,
        client_id: row.get(3)?,
        token_endpoint_auth_method: row.get(4)?,
        sealed: SealedColumns::from_row(row, 5)?,
        created_at: row.get(9)?,
        secret_expires_at: row.get(10)?,
    })
}

/// The registration at an issuer for a redirect URI.
pub async fn find(db: &Database, issuer: &str, redirect_uri: &str) -> Result<Option<UpstreamClient>, StorageError> {
    let sql = "SELECT id, issuer, redirect_uri, client_id, token_endpoint_auth_method, sealed, iv, auth_tag, key_id, \
               created_at, secret_expires_at FROM upstream_clients WHERE issuer = $1 AND redirect_uri = $2";
    db.query_opt(sql, params![issuer, redirect_uri]).await?.as_ref().map(from_row).transpose()
}

/// The registration by which an issuer knows `client_id`.
pub async fn by_client_id(
    db: &Database,
    issuer: &str,
    client_id: &str,
) -> Result<Option<UpstreamClient>, StorageError> {
    let sql = "SELECT id, issuer, redirect_uri, client_id, token_endpoint_auth_method, sealed, iv, auth_tag, key_id, \
               created_at, secret_expires_at FROM upstream_clients WHERE issuer = $1 AND client_id = $2";
    db.query_opt(sql, params![issuer, client_id]).await?.as_ref().map(from_row).transpose()
}

/// Stores a registration where there is none; whether it was stored.
pub async fn insert(db: &Database, client: &UpstreamClient) -> Result<bool, StorageError> {
    let sql = "INSERT INTO upstream_clients (id, issuer, redirect_uri, client_id, token_endpoint_auth_method, sealed, \
               iv, auth_tag, key_id, created_at, secret_expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (issuer, redirect_uri) DO NOTHING";
    let values = params![
        client.id,
        client.issuer.as_str(),
        client.redirect_uri.as_str(),
        client.client_id.as_str(),
        client.token_endpoint_auth_method.as_str(),
        client.sealed.ciphertext.as_slice(),
        client.sealed.iv.as_slice(),
        client.sealed.tag.as_slice(),
        client.sealed.key_id.as_str(),
        client.created_at,
        client.secret_expires_at,
    ];
    Ok(db.execute(sql, values).await? == 1)
}

/// Forgets a registration; whether there was one.
pub async fn delete(db: &Database, id: Uuid) -> Result<bool, StorageError> {
    Ok(db.execute("DELETE FROM upstream_clients WHERE id = $1", params![id]).await? == 1)
}
