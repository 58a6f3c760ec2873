//! The writer task: takes what is queued and appends it as one batch in one transaction.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyward_core::audit::AuditEvent;
use keyward_core::random::Random;
use tokio::sync::{mpsc, oneshot};

use super::append::append;
use super::{Entry, QUEUE};
use crate::database::Database;
use crate::error::StorageError;

/// Most entries that are taken at once.
const BATCH: usize = 1_024;
/// The first pause after a failure; the next are longer, up to 32 times as long.
const PAUSE: Duration = Duration::from_millis(250);
/// How often the last records are tried when every handle is gone; with the pauses, about half a minute.
const LAST_TRIES: u32 = 8;

pub(super) struct Writer {
    pub(super) database: Database,
    pub(super) random: Random,
    pub(super) entries: mpsc::Receiver<Entry>,
    pub(super) dropped: Arc<AtomicU64>,
}

/// What could not be written yet, and nobody waits for.
#[derive(Default)]
struct Pending {
    events: Vec<AuditEvent>,
    failures: u32,
}

impl Writer {
    pub(super) async fn run(mut self) {
        let mut pending = Pending::default();
        let mut batch = Vec::with_capacity(BATCH);
        while self.take(&pending, &mut batch).await {
            self.write(&mut pending, &mut batch).await;
        }
        self.give_up(pending.events.len());
    }

    /// Waits until there is something to do; `false` when there will be nothing more.
    async fn take(&mut self, pending: &Pending, batch: &mut Vec<Entry>) -> bool {
        if pending.events.is_empty() {
            return self.entries.recv_many(batch, BATCH).await > 0;
        }
        let mut pause = pin!(tokio::time::sleep(PAUSE * 2_u32.pow(pending.failures.clamp(1, 6) - 1)));
        loop {
            tokio::select! {
                () = &mut pause => return true,
                taken = self.entries.recv_many(batch, BATCH) => {
                    if taken == 0 {
                        pause.await;
                        return !batch.is_empty() || pending.failures < LAST_TRIES;
                    }
                    // Somebody waits for an answer, and not for the pause.
                    if batch.len() >= QUEUE || !batch.iter().all(|entry| matches!(entry, Entry::Event(_))) {
                        return true;
                    }
                }
            }
        }
    }

    /// Appends what is pending and the batch. When that fails, those who wait are told at once, and the rest is pending.
    async fn write(&self, pending: &mut Pending, batch: &mut Vec<Entry>) {
        let mut events = std::mem::take(&mut pending.events);
        let (mut durable, mut flushes) = (Vec::new(), Vec::new());
        for entry in batch.drain(..) {
            match entry {
                Entry::Event(event) => events.push(event),
                Entry::Durable(event, done) => {
                    durable.push((events.len(), done));
                    events.push(event);
                }
                Entry::Flush(done) => flushes.push(done),
            }
        }
        match self.append(&events).await {
            Ok(()) => {
                pending.failures = 0;
                tell(durable.into_iter().map(|(_, done)| done));
            }
            Err(error) => {
                pending.failures = pending.failures.saturating_add(1);
                if pending.failures.is_power_of_two() {
                    tracing::error!(%error, records = events.len(), "audit records cannot be written");
                }
                // What was to be on disk before something is done must not be written when it has been refused since.
                for (index, done) in durable.into_iter().rev() {
                    events.remove(index);
                    drop(done);
                }
                let excess = events.len().saturating_sub(QUEUE);
                self.give_up(events.drain(..excess).len());
                pending.events = events;
            }
        }
        tell(flushes);
    }

    /// All of the events or none.
    async fn append(&self, events: &[AuditEvent]) -> Result<(), StorageError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut transaction = self.database.begin("append audit records").await?;
        append(&mut transaction, &self.random, events).await?;
        transaction.commit().await
    }

    fn give_up(&self, records: usize) {
        if records > 0 {
            self.dropped.fetch_add(records as u64, Ordering::Relaxed);
            tracing::error!(records, "audit records were given up");
        }
    }
}

fn tell(waiting: impl IntoIterator<Item = oneshot::Sender<()>>) {
    for done in waiting {
        // Who has gone does not need to know.
        let _ = done.send(());
    }
}
