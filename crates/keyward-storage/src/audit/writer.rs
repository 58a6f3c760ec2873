//! The writer task: takes what is queued and appends it as one batch in one transaction.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::id::uuid_v7;
use keyward_core::random::Random;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::append::{append_as, append_new};
use super::{Entry, QUEUE, spill};
use crate::database::Database;
use crate::error::StorageError;

/// Most entries that are taken at once.
const BATCH: usize = 1_024;
/// How long a record that nobody waits for may wait for others: a commit costs much more than a record in it.
const LINGER: Duration = Duration::from_millis(10);
/// The first pause after a failure; the next are longer, up to 32 times as long.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the last records are tried.
const LAST_TRIES: Duration = Duration::from_secs(4);

pub(super) struct Writer {
    pub(super) database: Database,
    pub(super) random: Random,
    pub(super) entries: mpsc::Receiver<Entry>,
    pub(super) dropped: Arc<AtomicU64>,
    /// Where records go that cannot be written at the end.
    pub(super) spill: Option<PathBuf>,
}

/// What could not be written yet, and nobody waits for.
#[derive(Default)]
struct Pending {
    events: Vec<(Uuid, AuditEvent)>,
    failures: u32,
    /// How many dropped records the log, or a file, tells of already.
    told: u64,
}

impl Writer {
    pub(super) async fn run(mut self) {
        self.take_in().await;
        let mut pending = Pending::default();
        let mut batch = Vec::with_capacity(BATCH);
        while self.take(&pending, &mut batch).await {
            self.write(&mut pending, &mut batch).await;
        }
        self.finish(&mut pending).await;
    }

    /// Takes in what earlier processes could not write.
    async fn take_in(&self) {
        let Some(directory) = &self.spill else { return };
        match spill::take_in(&self.database, directory).await {
            Ok(0) => {}
            Ok(records) => tracing::warn!(records, "audit records of an earlier process were taken in late"),
            Err(error) => tracing::error!(%error, "audit records of an earlier process cannot be taken in"),
        }
    }

    /// Waits until there is something to do; `false` when there will be nothing more.
    async fn take(&mut self, pending: &Pending, batch: &mut Vec<Entry>) -> bool {
        let (pause, most) = if pending.events.is_empty() {
            if self.entries.recv_many(batch, BATCH).await == 0 {
                return false;
            }
            if batch.len() >= BATCH || is_awaited(batch) {
                return true;
            }
            (LINGER, BATCH)
        } else {
            (pause(pending.failures), QUEUE)
        };
        let mut pause = pin!(tokio::time::sleep(pause));
        loop {
            tokio::select! {
                () = &mut pause => return true,
                taken = self.entries.recv_many(batch, BATCH) => {
                    if taken == 0 {
                        return !batch.is_empty();
                    }
                    if batch.len() >= most || is_awaited(batch) {
                        return true;
                    }
                }
            }
        }
    }

    /// Appends what is pending and the batch. When that fails, those who wait are told at once, and the rest is pending.
    async fn write(&self, pending: &mut Pending, batch: &mut Vec<Entry>) {
        let (mut durable, mut flushes, mut closes) = (Vec::new(), Vec::new(), Vec::new());
        for entry in batch.drain(..) {
            match entry {
                Entry::Event(event) => {
                    let _ = self.queue(pending, event);
                }
                Entry::Durable(event, done) => {
                    durable.extend(self.queue(pending, event).map(|index| (index, done)));
                }
                Entry::Flush(done) => flushes.push(done),
                Entry::Close(done) => closes.push(done),
            }
        }
        if self.try_pending(pending).await {
            tell(durable.into_iter().map(|(_, done)| done));
        } else {
            // What was to be on disk before something is done must not be written when it has been refused since.
            for (index, done) in durable.into_iter().rev() {
                pending.events.remove(index);
                drop(done);
            }
            let excess = pending.events.len().saturating_sub(QUEUE);
            self.drop_events(pending.events.drain(..excess).len());
        }
        if !closes.is_empty() {
            self.finish(pending).await;
        }
        tell(flushes.into_iter().chain(closes));
    }

    /// Gives it its id, under which it is in the log once, however often that is tried.
    /// `None` when there is no id to be had.
    fn queue(&self, pending: &mut Pending, event: AuditEvent) -> Option<usize> {
        let Ok(id) = uuid_v7(event.at, &self.random) else {
            self.drop_events(1);
            return None;
        };
        pending.events.push((id, event));
        Some(pending.events.len() - 1)
    }

    /// Appends what is pending, all of it or nothing, and how many records were dropped before.
    async fn try_pending(&self, pending: &mut Pending) -> bool {
        let lost = self.lost(pending);
        let waiting = pending.events.len();
        if let Some((_, event)) = &lost {
            let _ = self.queue(pending, event.clone());
        }
        let done = match pending.failures {
            0 => self.append(&pending.events).await,
            // The try before may have been done, and its answer lost.
            _ => append_new(&self.database, &pending.events).await.map(drop),
        };
        match done {
            Ok(()) => {
                pending.told = lost.map_or(pending.told, |(dropped, _)| dropped);
                pending.failures = 0;
                pending.events.clear();
                true
            }
            Err(error) => {
                pending.events.truncate(waiting);
                pending.failures = pending.failures.saturating_add(1);
                if pending.failures.is_power_of_two() {
                    tracing::error!(%error, records = waiting, "audit records cannot be written");
                }
                false
            }
        }
    }

    /// All of the events or none.
    async fn append(&self, events: &[(Uuid, AuditEvent)]) -> Result<(), StorageError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut transaction = self.database.begin("append audit records").await?;
        append_as(&mut transaction, events.iter().map(|(id, event)| (id, event))).await?;
        transaction.commit().await
    }

    /// The record of what was dropped and not told of yet, and the count that it brings the log to.
    fn lost(&self, pending: &Pending) -> Option<(u64, AuditEvent)> {
        let dropped = self.dropped.load(Ordering::Relaxed);
        let untold = dropped.saturating_sub(pending.told);
        let mut event = AuditEvent::new(self.database.clock().now(), Action::AuditLost, AuditResult::Failed);
        event.detail = Some(serde_json::json!({ "count": untold }).to_string());
        (untold > 0).then_some((dropped, event))
    }

    /// The end: what cannot be written in a few seconds goes into a file.
    async fn finish(&self, pending: &mut Pending) {
        if pending.events.is_empty() && self.lost(pending).is_none() {
            return;
        }
        let tries = async {
            while !self.try_pending(pending).await {
                tokio::time::sleep(pause(pending.failures)).await;
            }
        };
        if tokio::time::timeout(LAST_TRIES, tries).await.is_ok() {
            return;
        }
        pending.events.retain(|(_, event)| event.action != Action::AuditLost);
        let lost = self.lost(pending);
        if let Some((_, event)) = &lost {
            let _ = self.queue(pending, event.clone());
        }
        let events = std::mem::take(&mut pending.events);
        match self.spill.as_ref().map(|directory| spill::write(directory, &self.random, &events)) {
            Some(Ok(path)) => {
                pending.told = lost.map_or(pending.told, |(dropped, _)| dropped);
                let file = path.display();
                tracing::warn!(records = events.len(), %file, "audit records wait in a file for the next start");
            }
            Some(Err(error)) => {
                tracing::error!(%error, "audit records cannot be kept in a file either");
                self.drop_events(events.len());
            }
            None => self.drop_events(events.len()),
        }
    }

    fn drop_events(&self, records: usize) {
        if records > 0 {
            self.dropped.fetch_add(records as u64, Ordering::Relaxed);
            tracing::error!(records, "audit records were given up");
        }
    }
}

/// Whether somebody waits for an answer, and not for a pause.
fn is_awaited(batch: &[Entry]) -> bool {
    !batch.iter().all(|entry| matches!(entry, Entry::Event(_)))
}

/// How long to wait after so many failures.
fn pause(failures: u32) -> Duration {
    PAUSE * 2_u32.pow(failures.clamp(1, 6) - 1)
}

fn tell(waiting: impl IntoIterator<Item = oneshot::Sender<()>>) {
    for done in waiting {
        // Who has gone does not need to know.
        let _ = done.send(());
    }
}
