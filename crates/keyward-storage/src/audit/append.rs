//! Appending to the chain: its head is read and moved under one lock, so that several processes keep one chain.

use keyward_core::audit::AuditEvent;
use keyward_core::id::uuid_v7;
use keyward_core::random::Random;

use super::chain::{Content, GENESIS, Hash};
use crate::error::StorageError;
use crate::params;
use crate::transaction::Transaction;
use crate::value::Value;

/// Appends the events in their order within `transaction`: they stand or fall with what else it does.
///
/// Belongs right before the commit: the end of the chain is locked from here on, and every other writer of records waits.
pub async fn append(transaction: &mut Transaction, random: &Random, events: &[AuditEvent]) -> Result<(), StorageError> {
    if events.is_empty() {
        return Ok(());
    }
    transaction.lock("keyward audit").await?;
    let (mut seq, mut hash) = head(transaction).await?;
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        seq += 1;
        rows.push(link(random, seq, &mut hash, event)?);
    }
    transaction
        .execute_each(
            "INSERT INTO audit_log (seq, id, service_id, action, user_email, token_key, result, created_at, client_id, \
             request_id, detail, prev_hash, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            &rows,
        )
        .await?;
    let sql = "INSERT INTO audit_head (id, seq, hash) VALUES (1, $1, $2) \
               ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash";
    transaction.execute(sql, params![seq, &hash]).await.map(drop)
}

pub(super) async fn head(transaction: &mut Transaction) -> Result<(i64, Hash), StorageError> {
    let row = transaction.query_opt("SELECT seq, hash FROM audit_head WHERE id = 1", params![]).await?;
    let Some(row) = row else { return Ok((0, GENESIS)) };
    let hash = row.get::<Vec<u8>>(1)?.try_into();
    Ok((row.get(0)?, hash.map_err(|_| StorageError::Inconsistent { what: "the head of the audit log" })?))
}

/// The row of an event that follows `hash`, which moves on.
fn link(random: &Random, seq: i64, hash: &mut Hash, event: &AuditEvent) -> Result<Vec<Value>, StorageError> {
    let texts = [&event.service_id, &event.user_email, &event.token_key, &event.client_id, &event.detail].map(storable);
    let [service_id, user_email, token_key, client_id, detail] = texts.each_ref().map(Option::as_deref);
    let content = Content {
        seq,
        id: uuid_v7(event.at, random)?,
        at: event.at,
        action: event.action.as_str(),
        result: event.result.as_str(),
        service_id,
        token_key,
        user_email,
        client_id,
        request_id: event.request_id.map(|id| id.0),
        detail,
    };
    let previous = std::mem::replace(hash, content.link(hash));
    let values = params![
        content.seq,
        content.id,
        content.service_id,
        content.action,
        content.user_email,
        content.token_key,
        content.result,
        content.at,
        content.client_id,
        content.request_id,
        content.detail,
        &previous,
        &*hash,
    ];
    Ok(values.to_vec())
}

/// Callers choose some of these texts. One with a character that cannot be stored must not keep a whole batch from the log.
fn storable(text: &Option<String>) -> Option<String> {
    text.as_ref().map(|text| text.replace('\0', "\u{FFFD}"))
}
