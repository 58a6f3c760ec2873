//! Verifying the log in the database, from where retention let it begin to its end. Nothing is locked: other processes
//! append, sign and remove old records meanwhile.

use std::cmp::Ordering;

use super::chain::{GENESIS, Hash};
use super::checkpoint::{Checkpoint, CheckpointFault};
use super::checkpoints::{between, checkpoints_after, newest_checkpoint};
use super::key::PublicKey;
use super::list::AuditRecord;
use super::trust::Trust;
use super::walk::{BadCheckpoint, BadRecord, Fault, Walk};
use crate::database::Database;
use crate::error::StorageError;
use crate::params;

/// Records or checkpoints that are read at once.
const PAGE: i64 = 1_000;

/// What the walk along the chain found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Records up to this one were removed by retention, as a checkpoint says; 0 when none was.
    pub start: i64,
    /// How many records follow from there without fault.
    pub good: u64,
    /// The first that does not.
    pub first_bad: Option<BadRecord>,
    /// How many checkpoints are signed, in order.
    pub checkpoints: u64,
    /// The first that is not.
    pub bad_checkpoint: Option<BadCheckpoint>,
    /// The last record that a good checkpoint covers.
    pub signed_up_to: i64,
    /// The keys that the checkpoints are signed with, the oldest first.
    pub keys: Vec<PublicKey>,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub const fn is_good(&self) -> bool {
        self.first_bad.is_none() && self.bad_checkpoint.is_none()
    }
}

/// Walks the whole log, relying on nothing but what the database says of itself.
pub async fn verify(database: &Database) -> Result<VerifyReport, StorageError> {
    verify_with(database, &Trust::default(), |_| {}).await
}

/// Walks the whole log. `progress` is told the number of each record that is good, every now and then.
pub async fn verify_with(
    database: &Database,
    trust: &Trust,
    mut progress: impl FnMut(i64) + Send,
) -> Result<VerifyReport, StorageError> {
    let mut report = VerifyReport::default();
    let newest = match walk_checkpoints(database, trust, &mut report).await? {
        Ok(newest) => newest,
        Err(bad) => {
            report.bad_checkpoint = Some(bad);
            newest_checkpoint(database).await.unwrap_or_default()
        }
    };
    let mut walk = newest.as_ref().map_or(Walk::BEGINNING, beginning);
    report.start = walk.last;
    loop {
        match walk_records(database, trust, &mut walk, &mut progress).await? {
            None => break,
            Some(bad) => {
                // Old records may have been removed from under the walk: then a newer checkpoint says so.
                let moved = newest_checkpoint(database).await?.filter(|newest| newest.start_seq > walk.last);
                match moved {
                    Some(newest)
                        if bad.fault == Fault::Missing
                            && newest.is_signed()
                            && report.keys.contains(&newest.public_key) =>
                    {
                        walk = beginning(&newest);
                        report.start = walk.last;
                    }
                    _ => {
                        report.first_bad = Some(bad);
                        break;
                    }
                }
            }
        }
    }
    report.good = walk.last.abs_diff(report.start);
    Ok(report)
}

fn beginning(newest: &Checkpoint) -> Walk {
    Walk { last: newest.start_seq, hash: newest.start_hash.0 }
}

/// The newest checkpoint, if all are signed and follow each other.
async fn walk_checkpoints(
    database: &Database,
    trust: &Trust,
    report: &mut VerifyReport,
) -> Result<Result<Option<Checkpoint>, BadCheckpoint>, StorageError> {
    let mut before: Option<Checkpoint> = None;
    loop {
        let number = before.as_ref().map_or(0, |before| before.number);
        let page = match checkpoints_after(database, number, PAGE).await {
            Ok(page) => page,
            Err(StorageError::Column { .. }) => {
                return Ok(Err(BadCheckpoint { number: number + 1, fault: CheckpointFault::Signature }));
            }
            Err(error) => return Err(error),
        };
        if page.is_empty() {
            return Ok(trust.is_reached(number, &report.keys).map(|()| before));
        }
        for checkpoint in page {
            let expected = before.as_ref().map_or(0, |before| before.number) + 1;
            if let Err(fault) = trust.agrees(&checkpoint).and_then(|()| checkpoint.follows(before.as_ref())) {
                return Ok(Err(BadCheckpoint { number: expected, fault }));
            }
            if report.keys.last() != Some(&checkpoint.public_key) {
                report.keys.push(checkpoint.public_key);
            }
            report.checkpoints += 1;
            report.signed_up_to = checkpoint.seq;
            before = Some(checkpoint);
        }
    }
}

/// Walks on to the end of the log; the first record that is bad, if one is.
async fn walk_records(
    database: &Database,
    trust: &Trust,
    walk: &mut Walk,
    progress: &mut (impl FnMut(i64) + Send),
) -> Result<Option<BadRecord>, StorageError> {
    let mut has_grown = false;
    loop {
        let rows = super::list::page(database, walk.last, PAGE).await?;
        if rows.is_empty() {
            let end = against_end(database, trust, walk).await?;
            match end {
                // Records were appended since the last look.
                Some(BadRecord { fault: Fault::Missing, .. }) if !has_grown => has_grown = true,
                end => return Ok(end),
            }
            continue;
        }
        has_grown = false;
        let checkpoints = match between(database, walk.last, walk.last.saturating_add(PAGE)).await {
            Err(StorageError::Column { .. }) => Vec::new(),
            read => read?,
        };
        for row in &rows {
            let Ok(record) = AuditRecord::read(row) else {
                return Ok(Some(BadRecord { seq: walk.last + 1, fault: Fault::Altered }));
            };
            let mut next = *walk;
            if let Err(bad) = next.step(&record).and_then(|()| next.meets(trust.kept().iter().chain(&checkpoints))) {
                return Ok(Some(bad));
            }
            *walk = next;
        }
        progress(walk.last);
    }
}

/// What is wrong with the end of the records, compared with the end that is written down and with what was signed.
async fn against_end(database: &Database, trust: &Trust, walk: &Walk) -> Result<Option<BadRecord>, StorageError> {
    let row = database.query_opt("SELECT seq, hash FROM audit_head WHERE id = 1", params![]).await?;
    let (seq, head) = match row {
        Some(row) => (row.get::<i64>(0)?, row.get::<Vec<u8>>(1)?),
        None => (0, GENESIS.to_vec()),
    };
    let signed = database.query_opt("SELECT coalesce(max(seq), 0) FROM audit_checkpoints", params![]).await?;
    let signed: i64 = signed.map_or(Ok(0), |row| row.get(0))?;
    let kept = trust.kept().iter().map(|checkpoint| checkpoint.seq).max().unwrap_or(0);
    let is_end = head == Hash::from(walk.hash);
    Ok(match seq.max(signed).max(kept).cmp(&walk.last) {
        Ordering::Greater => Some(BadRecord { seq: walk.last + 1, fault: Fault::Missing }),
        Ordering::Equal if is_end && seq == walk.last => None,
        Ordering::Equal | Ordering::Less => Some(BadRecord { seq: walk.last, fault: Fault::BeyondEnd }),
    })
}
