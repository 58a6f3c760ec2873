//! The writer task: takes what is queued, appends it as one batch in one transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyward_core::audit::AuditEvent;
use keyward_core::id::uuid_v7;
use keyward_core::random::Random;
use tokio::sync::{mpsc, oneshot};

use super::Entry;
use super::chain::{Content, GENESIS, Hash};
use crate::database::Database;
use crate::error::StorageError;
use crate::params;
use crate::transaction::Transaction;

/// Most records of one transaction.
const BATCH: usize = 1_024;
/// How often a batch is tried that nobody waits for; with the pauses between, about a minute.
const TRIES: u32 = 8;

pub(super) async fn run(
    database: Database,
    random: Random,
    mut entries: mpsc::Receiver<Entry>,
    dropped: Arc<AtomicU64>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while entries.recv_many(&mut batch, BATCH).await > 0 {
        let (mut events, mut waiting, mut flushes) = (Vec::with_capacity(batch.len()), Vec::new(), Vec::new());
        for entry in batch.drain(..) {
            match entry {
                Entry::Event(event) => events.push(event),
                Entry::Durable(event, done) => {
                    events.push(event);
                    waiting.push(done);
                }
                Entry::Flush(done) => flushes.push(done),
            }
        }
        // Who waits for the disk is told of a failure at once; what nobody waits for is tried again.
        let tries = if waiting.is_empty() { TRIES } else { 1 };
        match append_with_retries(&database, &random, &events, tries).await {
            Ok(()) => tell(waiting),
            Err(error) => {
                dropped.fetch_add(events.len() as u64, Ordering::Relaxed);
                tracing::error!(%error, records = events.len(), "audit records could not be written");
            }
        }
        tell(flushes);
    }
}

fn tell(waiting: Vec<oneshot::Sender<()>>) {
    for done in waiting {
        // Who has gone does not need to know.
        let _ = done.send(());
    }
}

async fn append_with_retries(
    database: &Database,
    random: &Random,
    events: &[AuditEvent],
    tries: u32,
) -> Result<(), StorageError> {
    let mut attempt = 1;
    loop {
        match append(database, random, events).await {
            Err(error) if attempt < tries => {
                tracing::warn!(%error, attempt, "cannot write audit records yet");
                tokio::time::sleep(Duration::from_millis(250 << attempt)).await;
                attempt += 1;
            }
            done => return done,
        }
    }
}

async fn append(database: &Database, random: &Random, events: &[AuditEvent]) -> Result<(), StorageError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut transaction = database.begin("append audit records").await?;
    transaction.lock("keyward audit").await?;
    let head = transaction.query_opt("SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1", params![]).await?;
    let (mut seq, mut previous) = match head {
        Some(row) => (row.get::<i64>(0)?, as_hash(&row.get::<Vec<u8>>(1)?)?),
        None => (0, GENESIS),
    };
    for event in events {
        seq += 1;
        previous = insert(&mut transaction, random, seq, &previous, event).await?;
    }
    transaction.commit().await
}

fn as_hash(bytes: &[u8]) -> Result<Hash, StorageError> {
    bytes.try_into().map_err(|_| StorageError::Inconsistent { what: "the hash of an audit record" })
}

async fn insert(
    transaction: &mut Transaction,
    random: &Random,
    seq: i64,
    previous: &Hash,
    event: &AuditEvent,
) -> Result<Hash, StorageError> {
    let content = Content {
        seq,
        id: uuid_v7(event.at, random)?,
        at: event.at,
        action: event.action.as_str(),
        result: event.result.as_str(),
        service_id: event.service_id.as_deref(),
        token_key: event.token_key.as_deref(),
        user_email: event.user_email.as_deref(),
        client_id: event.client_id.as_deref(),
        request_id: event.request_id.map(|id| id.0),
        detail: event.detail.as_deref(),
    };
    let hash = content.link(previous);
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
        previous,
        &hash,
    ];
    transaction
        .execute(
            "INSERT INTO audit_log (seq, id, service_id, action, user_email, token_key, result, created_at, client_id, \
             request_id, detail, prev_hash, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            values,
        )
        .await?;
    Ok(hash)
}
