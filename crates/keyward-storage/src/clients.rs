//! OAuth clients: registered by themselves (RFC 7591), added by an administrator, or read from the document that their
//! id points to.

use keyward_core::clock::Timestamp;
use keyward_core::secret::TokenHash;

use crate::error::StorageError;
use crate::{Database, Row, Transaction, params};

/// How a client came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// It registered itself.
    Dynamic,
    /// An administrator added it.
    Static,
    /// Its id is the URL of its metadata document; the row is a copy of that.
    MetadataDocument,
}

impl ClientKind {
    /// The word as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dynamic => "dynamic",
            Self::Static => "static",
            Self::MetadataDocument => "metadata_document",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Dynamic, Self::Static, Self::MetadataDocument].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One client.
#[derive(Debug)]
pub struct StoredClient {
    /// `client_id`.
    pub client_id: String,
    /// How it came to be known.
    pub kind: ClientKind,
    /// `client_name`.
    pub name: Option<String>,
    /// `redirect_uris`.
    pub redirect_uris: Vec<String>,
    /// `grant_types`.
    pub grant_types: Vec<String>,
    /// `response_types`.
    pub response_types: Vec<String>,
    /// `token_endpoint_auth_method`.
    pub token_endpoint_auth_method: String,
    /// Of the client's secret, when it has one.
    pub secret_hash: Option<TokenHash>,
    /// Of the registration's content, where a second one like it is answered with this client.
    pub registration_hash: Option<Vec<u8>>,
    /// `application_type`.
    pub application_type: Option<String>,
    /// All else that was sent, as JSON.
    pub metadata: String,
    /// When the document was last read.
    pub document_fetched_at: Option<Timestamp>,
    /// When the client came to be known.
    pub created_at: Timestamp,
    /// When a person last let it in.
    pub last_used_at: Option<Timestamp>,
    /// When it was removed.
    pub revoked_at: Option<Timestamp>,
}

const NOT_JSON: &str = "clients: a list of texts";

fn from_row(row: &Row) -> Result<StoredClient, StorageError> {
    let list = |column| -> Result<Vec<String>, StorageError> {
        serde_json::from_str(&row.get::<String>(column)?).map_err(|_| StorageError::Inconsistent { what: NOT_JSON })
    };
    Ok(StoredClient {
        client_id: row.get(0)?,
        kind: ClientKind::parse(&row.get::<String>(1)?)
            .ok_or_else(|| StorageError::Inconsistent { what: "clients.kind" })?,
        name: row.get(2)?,
        redirect_uris: list(3)?,
        grant_types: list(4)?,
        response_types: list(5)?,
        token_endpoint_auth_method: row.get(6)?,
        secret_hash: row.get(7)?,
        registration_hash: row.get(8)?,
        application_type: row.get(9)?,
        metadata: row.get(10)?,
        document_fetched_at: row.get(11)?,
        created_at: row.get(12)?,
        last_used_at: row.get(13)?,
        revoked_at: row.get(14)?,
    })
}

fn json(list: &[String]) -> String {
    serde_json::Value::from(list).to_string()
}

/// The client of this id, removed or not.
pub async fn find(db: &Database, client_id: &str) -> Result<Option<StoredClient>, StorageError> {
    let row = db
        .query_opt(
            "SELECT client_id, kind, name, redirect_uris, grant_types, response_types, token_endpoint_auth_method, \
             secret_hash, registration_hash, application_type, metadata, document_fetched_at, created_at, \
             last_used_at, revoked_at FROM clients WHERE client_id = $1",
            params![client_id],
        )
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// Every client that was not removed, newest first.
pub async fn list(db: &Database) -> Result<Vec<StoredClient>, StorageError> {
    let rows = db
        .query(
            "SELECT client_id, kind, name, redirect_uris, grant_types, response_types, token_endpoint_auth_method, \
             secret_hash, registration_hash, application_type, metadata, document_fetched_at, created_at, \
             last_used_at, revoked_at FROM clients WHERE revoked_at IS NULL ORDER BY created_at DESC, client_id",
            params![],
        )
        .await?;
    rows.iter().map(from_row).collect()
}

/// The client that registered with exactly this content before.
pub async fn find_registration(tx: &mut Transaction, hash: &[u8]) -> Result<Option<(String, Timestamp)>, StorageError> {
    let row = tx
        .query_opt(
            "SELECT client_id, created_at FROM clients WHERE registration_hash = $1 AND revoked_at IS NULL \
             ORDER BY created_at LIMIT 1",
            params![hash.to_vec()],
        )
        .await?;
    row.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

/// Adds a client, or puts a fresher copy of its document in the place of the old. A removed client stays removed.
pub async fn put(tx: &mut Transaction, client: &StoredClient) -> Result<(), StorageError> {
    tx.execute(
        "INSERT INTO clients (client_id, kind, name, redirect_uris, grant_types, response_types, \
         token_endpoint_auth_method, secret_hash, registration_hash, application_type, metadata, document_fetched_at, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (client_id) DO UPDATE SET name = excluded.name, redirect_uris = excluded.redirect_uris, \
         grant_types = excluded.grant_types, response_types = excluded.response_types, \
         token_endpoint_auth_method = excluded.token_endpoint_auth_method, \
         application_type = excluded.application_type, metadata = excluded.metadata, \
         document_fetched_at = excluded.document_fetched_at",
        params![
            client.client_id.as_str(),
            client.kind.as_str(),
            client.name.clone(),
            json(&client.redirect_uris),
            json(&client.grant_types),
            json(&client.response_types),
            client.token_endpoint_auth_method.as_str(),
            client.secret_hash.map(|hash| hash.as_bytes().to_vec()),
            client.registration_hash.clone(),
            client.application_type.clone(),
            client.metadata.as_str(),
            client.document_fetched_at,
            client.created_at
        ],
    )
    .await
    .map(drop)
}

/// Notes that a person let the client in; from then on it is never reaped.
pub async fn mark_used(tx: &mut Transaction, client_id: &str, now: Timestamp) -> Result<(), StorageError> {
    tx.execute("UPDATE clients SET last_used_at = $2 WHERE client_id = $1", params![client_id, now]).await.map(drop)
}

/// Removes a client; whether it was there.
pub async fn revoke(tx: &mut Transaction, client_id: &str, now: Timestamp) -> Result<bool, StorageError> {
    let changed = tx
        .execute(
            "UPDATE clients SET revoked_at = $2 WHERE client_id = $1 AND revoked_at IS NULL",
            params![client_id, now],
        )
        .await?;
    Ok(changed == 1)
}

/// How many clients came by themselves and were never let in by anyone.
pub async fn count_never_used(db: &Database) -> Result<i64, StorageError> {
    let sql = "SELECT COUNT(*) FROM clients WHERE kind <> 'static' AND last_used_at IS NULL AND revoked_at IS NULL";
    let row = db.query_opt(sql, params![]).await?;
    row.map_or(Ok(0), |row| row.get(0))
}

/// Deletes clients that came by themselves before `before` and were never let in by anyone; how many.
pub async fn reap_never_used(db: &Database, before: Timestamp) -> Result<u64, StorageError> {
    db.execute(
        "DELETE FROM clients WHERE kind <> 'static' AND last_used_at IS NULL AND revoked_at IS NULL AND created_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.client_id = clients.client_id) \
         AND NOT EXISTS (SELECT 1 FROM authorization_codes WHERE authorization_codes.client_id = clients.client_id)",
        params![before],
    )
    .await
}
