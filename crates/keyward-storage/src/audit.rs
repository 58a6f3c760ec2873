//! The audit log: append-only, hash-chained, written in batches.
//!
//! [`AuditLog`] is the handle that every room records through; one writer task in each process appends what it is sent.
//! With several processes on one database the chain stays one: its head is taken under a lock.

mod append;
mod chain;
mod checkpoint;
mod checkpoints;
mod export;
mod hex;
mod key;
mod line;
mod list;
mod prune;
mod spill;
mod trust;
mod verify;
mod walk;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keyward_core::audit::AuditEvent;
use keyward_core::random::Random;
use tokio::sync::{mpsc, oneshot};

use crate::database::Database;
use crate::error::StorageError;
use crate::transaction::Transaction;

pub use append::append;
pub use checkpoint::{Checkpoint, CheckpointFault, InvalidCheckpoint};
pub use checkpoints::{
    CheckpointError, KEEPER, change_key, checkpoints_after, last_record, make_checkpoint, newest_checkpoint,
};
pub use export::{ExportError, ReadError, export, verify_export};
pub use hex::{Hex, InvalidHex};
pub use key::{PublicKey, Signature, Signer};
pub use line::InvalidLine;
pub use list::{AuditFilter, AuditRecord, list};
pub use prune::{Prunable, PruneError, check_prunable, prunable, prune, remove_pruned};
pub(crate) use spill::rewritten as spilled;
pub use trust::{Trust, Untrusted};
pub use verify::{VerifyReport, verify, verify_with};
pub use walk::{BadCheckpoint, BadRecord, Fault};

/// Records that may wait for the writer.
const QUEUE: usize = 16_384;

/// The audit log cannot be written now. What must be recorded first must not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit log cannot be written")]
pub struct AuditUnavailable;

/// The handle to record through. Clones go to the same writer.
#[derive(Clone, Debug)]
pub struct AuditLog {
    queue: mpsc::Sender<Entry>,
    dropped: Arc<AtomicU64>,
    random: Random,
    required: bool,
}

#[derive(Debug)]
pub(crate) enum Entry {
    Event(AuditEvent),
    Durable(AuditEvent, oneshot::Sender<()>),
    Flush(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

impl AuditLog {
    /// A log in `database`, and the writer, which somebody has to run: `tokio::spawn(writer)`. It ends when every handle
    /// is gone and all is written.
    pub fn new(database: Database, random: Random) -> (Self, impl Future<Output = ()> + Send + 'static) {
        Self::with_spill(database, random, None)
    }

    /// The same. What cannot be written at the end goes into a file in the folder `spill`, and what earlier processes left
    /// there is taken in first, marked as late.
    pub fn with_spill(
        database: Database,
        random: Random,
        spill: Option<PathBuf>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, entries) = mpsc::channel(QUEUE);
        let log = Self { queue, dropped: Arc::default(), random: random.clone(), required: false };
        let writer = writer::Writer { database, random, entries, dropped: Arc::clone(&log.dropped), spill };
        (log, writer.run())
    }

    /// The same log, for a configuration that wants no act without its record (`audit.mode = "fail_closed"`).
    #[must_use]
    pub fn required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// Whether no act may stand without its record.
    pub const fn is_required(&self) -> bool {
        self.required
    }

    /// Commits what was done with the record of it, as the configuration asks: where records are required both stand or
    /// neither does, elsewhere the record follows soon.
    pub async fn commit(
        &self,
        transaction: Transaction,
        events: impl IntoIterator<Item = AuditEvent> + Send,
    ) -> Result<(), StorageError> {
        let events: Vec<AuditEvent> = events.into_iter().collect();
        if self.required {
            return self.commit_together(transaction, &events).await;
        }
        transaction.commit().await?;
        events.into_iter().for_each(|event| self.record(event));
        Ok(())
    }

    /// Commits what was done with the record of it, whatever the configuration asks: both stand or neither does. For what
    /// an operator does.
    pub async fn commit_together(
        &self,
        mut transaction: Transaction,
        events: &[AuditEvent],
    ) -> Result<(), StorageError> {
        append(&mut transaction, &self.random, events).await?;
        transaction.commit().await
    }

    /// Records an event soon. Never waits: when the queue is full the event is counted as dropped and logged.
    pub fn record(&self, event: AuditEvent) {
        if self.queue.try_send(Entry::Event(event)).is_err() {
            let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            if dropped.is_power_of_two() {
                tracing::error!(dropped, "audit records were dropped: the database does not keep up");
            }
        }
    }

    /// Records an event and returns once it is on disk.
    pub async fn record_durably(&self, event: AuditEvent) -> Result<(), AuditUnavailable> {
        let (done, written) = oneshot::channel();
        self.queue.send(Entry::Durable(event, done)).await.map_err(|_| AuditUnavailable)?;
        written.await.map_err(|_| AuditUnavailable)
    }

    /// Waits until all that was recorded before is on disk, or could not be written at once.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.queue.send(Entry::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }

    /// The end of a process: waits until all that was recorded before is on disk, in the log or, when that cannot be written
    /// within a few seconds, in a file.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.queue.send(Entry::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }

    /// How many events were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
