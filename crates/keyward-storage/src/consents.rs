//! What a person has said yes to before: client, resource, scopes.

use keyward_core::clock::Timestamp;
use keyward_core::id::UserId;
use keyward_core::scope::ScopeSet;

use crate::error::StorageError;
use crate::{Database, Transaction, params};

/// The scopes that the person allowed this client at this resource; `None` when they were never asked.
pub async fn find(
    db: &Database,
    user_id: UserId,
    client_id: &str,
    resource: &str,
) -> Result<Option<ScopeSet>, StorageError> {
    let row = db
        .query_opt(
            "SELECT scope FROM consents WHERE user_id = $1 AND client_id = $2 AND resource = $3",
            params![user_id, client_id, resource],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    row.get::<String>(0)?.parse().map(Some).map_err(|_| StorageError::Inconsistent { what: "consents.scope" })
}

/// Notes a yes, in the place of an earlier one.
pub async fn put(
    tx: &mut Transaction,
    user_id: UserId,
    client_id: &str,
    resource: &str,
    scope: &ScopeSet,
    now: Timestamp,
) -> Result<(), StorageError> {
    tx.execute(
        "INSERT INTO consents (user_id, client_id, resource, scope, created_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (user_id, client_id, resource) DO UPDATE SET scope = excluded.scope, \
         created_at = excluded.created_at",
        params![user_id, client_id, resource, scope.to_string(), now],
    )
    .await
    .map(drop)
}

/// Forgets a yes, so that the person is asked again.
pub async fn delete(
    tx: &mut Transaction,
    user_id: UserId,
    client_id: &str,
    resource: &str,
) -> Result<(), StorageError> {
    tx.execute(
        "DELETE FROM consents WHERE user_id = $1 AND client_id = $2 AND resource = $3",
        params![user_id, client_id, resource],
    )
    .await
    .map(drop)
}

/// Forgets every yes to a client.
pub async fn delete_of_client(tx: &mut Transaction, client_id: &str) -> Result<(), StorageError> {
    tx.execute("DELETE FROM consents WHERE client_id = $1", params![client_id]).await.map(drop)
}
