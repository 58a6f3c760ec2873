//! Appending to the chain: its head is read and moved under one lock, so that several processes keep one chain.

use std::sync::LazyLock;

use keyward_core::audit::AuditEvent;
use keyward_core::id::uuid_v7;
use keyward_core::random::Random;
use uuid::Uuid;

use super::chain::{Content, GENESIS, Hash};
use crate::database::Database;
use crate::error::StorageError;
use crate::params;
use crate::transaction::Transaction;
use crate::value::Value;

/// Columns of the table.
const COLUMNS: usize = 13;
/// Rows that one statement inserts: below what both databases allow for parameters.
const TOGETHER: usize = 32;

/// Appends the events in their order within `transaction`: they stand or fall with what else it does.
///
/// Belongs right before the commit: the end of the chain is locked from here on, and every other writer of records waits.
pub async fn append(transaction: &mut Transaction, random: &Random, events: &[AuditEvent]) -> Result<(), StorageError> {
    let ids: Vec<Uuid> = events.iter().map(|event| uuid_v7(event.at, random)).collect::<Result<_, _>>()?;
    append_as(transaction, ids.iter().zip(events)).await
}

/// The same, of events that have their ids already.
pub(super) async fn append_as<'a>(
    transaction: &mut Transaction,
    events: impl ExactSizeIterator<Item = (&'a Uuid, &'a AuditEvent)>,
) -> Result<(), StorageError> {
    if events.len() == 0 {
        return Ok(());
    }
    lock(transaction).await?;
    let (mut seq, mut hash) = head(transaction).await?;
    let mut rows = Vec::with_capacity(events.len() * COLUMNS);
    for (id, event) in events {
        seq += 1;
        rows.extend(link(*id, seq, &mut hash, event));
    }
    insert(transaction, &rows).await?;
    let sql = "INSERT INTO audit_head (id, seq, hash) VALUES (1, $1, $2) \
               ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash";
    transaction.execute(sql, params![seq, &hash]).await.map(drop)
}

/// Many rows with one statement as long as there are so many: each statement costs a message to the server, and as much
/// as several rows.
async fn insert(transaction: &mut Transaction, rows: &[Value]) -> Result<(), StorageError> {
    static MANY: LazyLock<String> = LazyLock::new(|| insert_of(TOGETHER));
    static ONE: LazyLock<String> = LazyLock::new(|| insert_of(1));
    let many = rows.chunks_exact(TOGETHER * COLUMNS);
    let rest: Vec<_> = many.remainder().chunks(COLUMNS).map(<[Value]>::to_vec).collect();
    for rows in many {
        transaction.execute(&MANY, rows).await?;
    }
    transaction.execute_each(&ONE, &rest).await
}

/// The statement that inserts so many rows.
fn insert_of(rows: usize) -> String {
    let row = |row: usize| {
        let places = (1..=COLUMNS).map(|column| format!("${}", row * COLUMNS + column));
        format!("({})", places.collect::<Vec<_>>().join(", "))
    };
    format!(
        "INSERT INTO audit_log (seq, id, service_id, action, user_email, token_key, result, created_at, client_id, \
         request_id, detail, prev_hash, hash) VALUES {}",
        (0..rows).map(row).collect::<Vec<_>>().join(", ")
    )
}

/// Appends, in a transaction of its own, those that are not in the log yet; how many there were. A commit whose answer was
/// lost may have been done.
pub(super) async fn append_new(database: &Database, events: &[(Uuid, AuditEvent)]) -> Result<u64, StorageError> {
    let mut transaction = database.begin("append audit records again").await?;
    lock(&mut transaction).await?;
    // All that was tried together is there or not, and what came later was not among it.
    let mut new = events;
    while let [(id, _), rest @ ..] = new {
        if transaction.query_opt("SELECT seq FROM audit_log WHERE id = $1", params![*id]).await?.is_none() {
            break;
        }
        new = rest;
    }
    append_as(&mut transaction, new.iter().map(|(id, event)| (id, event))).await?;
    transaction.commit().await?;
    Ok(new.len() as u64)
}

/// Holds the end of the chain until the end of the transaction.
async fn lock(transaction: &mut Transaction) -> Result<(), StorageError> {
    transaction.lock("keyward audit").await
}

/// Where the chain ends.
pub(super) async fn head(transaction: &mut Transaction) -> Result<(i64, Hash), StorageError> {
    let row = transaction.query_opt("SELECT seq, hash FROM audit_head WHERE id = 1", params![]).await?;
    let Some(row) = row else { return Ok((0, GENESIS)) };
    let hash = row.get::<Vec<u8>>(1)?.try_into();
    Ok((row.get(0)?, hash.map_err(|_| StorageError::Inconsistent { what: "the head of the audit log" })?))
}

/// The row of an event that follows `hash`, which moves on.
fn link(id: Uuid, seq: i64, hash: &mut Hash, event: &AuditEvent) -> [Value; COLUMNS] {
    let texts = [&event.service_id, &event.user_email, &event.token_key, &event.client_id, &event.detail].map(storable);
    let [service_id, user_email, token_key, client_id, detail] = texts;
    let content = Content {
        seq,
        id,
        at: event.at,
        action: event.action.as_str(),
        result: event.result.as_str(),
        service_id: service_id.as_deref(),
        token_key: token_key.as_deref(),
        user_email: user_email.as_deref(),
        client_id: client_id.as_deref(),
        request_id: event.request_id.map(|id| id.0),
        detail: detail.as_deref(),
    };
    let previous = std::mem::replace(hash, content.link(hash));
    [
        seq.into(),
        id.into(),
        service_id.into(),
        event.action.as_str().into(),
        user_email.into(),
        token_key.into(),
        event.result.as_str().into(),
        event.at.into(),
        client_id.into(),
        event.request_id.into(),
        detail.into(),
        (&previous).into(),
        (&*hash).into(),
    ]
}

/// Callers choose some of these texts. One with a character that cannot be stored must not keep a whole batch from the log.
fn storable(text: &Option<String>) -> Option<String> {
    text.as_ref().map(|text| if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text.clone() })
}
