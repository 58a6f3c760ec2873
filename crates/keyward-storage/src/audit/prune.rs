//! Retention: the oldest records are removed up to a checkpoint, and a new checkpoint says so. The chain stays provable
//! from there on.

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::Timestamp;
use keyward_core::random::Random;

use super::append::append;
use super::checkpoint::{Checkpoint, CheckpointFault};
use super::checkpoints::{Change, CheckpointError, checkpoints_after, last_before, make, newest_checkpoint};
use super::key::Signer;
use super::list::{AuditRecord, page};
use super::walk::{BadCheckpoint, BadRecord, Fault, Walk};
use crate::database::Database;
use crate::error::StorageError;
use crate::params;

/// Records that are read or removed at once: others write in between.
const PAGE: i64 = 1_000;

/// What retention may remove: records `from..=to`, the last of which a checkpoint covers.
#[derive(Clone, Debug)]
pub struct Prunable {
    /// The first record that is still there.
    pub from: i64,
    /// The last that may go.
    pub to: i64,
    /// The checkpoint that covers it.
    anchor: Checkpoint,
}

impl Prunable {
    /// How many records that is.
    pub const fn count(&self) -> u64 {
        self.to.abs_diff(self.from) + 1
    }
}

/// Records cannot be removed.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// No checkpoint can say so.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What would be removed is evidence.
    #[error("record {} {}: nothing is removed, see `keyward audit verify`", .0.seq, .0.fault)]
    Bad(BadRecord),
    /// What says which records are gone, or may go, was not signed by Keyward.
    #[error("checkpoint {} {}: nothing is removed, see `keyward audit verify`", .0.number, .0.fault)]
    Unsigned(BadCheckpoint),
    /// A record cannot be written to the export.
    #[error("the records that are to be removed cannot be exported")]
    Export(#[source] std::io::Error),
}

/// What may be removed of what is older than `before`: up to the last checkpoint before the first record that is not.
/// `None` when that is nothing.
pub async fn prunable(database: &Database, before: Timestamp) -> Result<Option<Prunable>, StorageError> {
    let start = newest_checkpoint(database).await?.map_or(0, |newest| newest.start_seq);
    let young = "SELECT coalesce(min(seq), 9223372036854775807) FROM audit_log WHERE created_at >= $1 AND seq > $2";
    let young = database.query_opt(young, params![before, start]).await?;
    let young: i64 = young.map_or(Ok(i64::MAX), |row| row.get(0))?;
    let anchor = last_before(database, young).await?;
    Ok(anchor.filter(|anchor| anchor.seq > start).map(|anchor| Prunable { from: start + 1, to: anchor.seq, anchor }))
}

/// The newest checkpoint, if it is signed, follows the one before it, and is what `signer` would go on from. What it says is
/// gone is removed on its word alone, so that is looked at first.
async fn signed_newest(database: &Database, signer: &Signer) -> Result<Option<Checkpoint>, PruneError> {
    let Some(newest) = newest_checkpoint(database).await? else { return Ok(None) };
    let refused = |fault| PruneError::Unsigned(BadCheckpoint { number: newest.number, fault });
    let before = checkpoints_after(database, newest.number.saturating_sub(2), 1).await?;
    let before = before.first().filter(|before| before.number < newest.number);
    if before.is_some_and(|before| !before.is_signed()) {
        return Err(refused(CheckpointFault::Misplaced));
    }
    newest.follows(before).map_err(refused)?;
    if newest.key_after() != signer.public_key() {
        return Err(refused(CheckpointFault::Key));
    }
    Ok(Some(newest))
}

/// Walks over what may be removed; each record is good, and is given to `export`, or the error says which is not.
pub async fn check_prunable(
    database: &Database,
    signer: &Signer,
    prunable: &Prunable,
    mut export: impl FnMut(&AuditRecord) -> std::io::Result<()> + Send,
) -> Result<(), PruneError> {
    let newest = signed_newest(database, signer).await?;
    let anchor = &prunable.anchor;
    if !anchor.is_signed() {
        return Err(PruneError::Unsigned(BadCheckpoint { number: anchor.number, fault: CheckpointFault::Signature }));
    }
    let mut walk = match &newest {
        Some(newest) if newest.start_seq == prunable.from - 1 => {
            Walk { last: newest.start_seq, hash: newest.start_hash.0 }
        }
        _ => Walk::BEGINNING,
    };
    while walk.last < prunable.to {
        let rows = page(database, walk.last, PAGE.min(prunable.to - walk.last)).await?;
        if rows.is_empty() {
            return Err(PruneError::Bad(BadRecord { seq: walk.last + 1, fault: Fault::Missing }));
        }
        for row in &rows {
            let altered = |_| PruneError::Bad(BadRecord { seq: walk.last + 1, fault: Fault::Altered });
            let record = AuditRecord::read(row).map_err(altered)?;
            walk.step(&record).map_err(PruneError::Bad)?;
            export(&record).map_err(PruneError::Export)?;
        }
    }
    walk.meets([anchor]).map_err(PruneError::Bad)
}

/// Signs that the records are removed, records it, and removes them. Whoever calls holds the lock
/// [`KEEPER`](super::KEEPER) and has seen [`check_prunable`] succeed. Killed in between, the next call removes what is left.
pub async fn prune(
    database: &Database,
    random: &Random,
    signer: &Signer,
    prunable: &Prunable,
) -> Result<Checkpoint, PruneError> {
    let now = database.clock().now();
    let (from, to, count) = (prunable.from, prunable.to, prunable.count());
    let detail = serde_json::json!({ "from": from, "to": to, "count": count, "checkpoint": prunable.anchor.number });
    let mut event = AuditEvent::new(now, Action::AuditPrune, AuditResult::Ok);
    event.detail = Some(detail.to_string());
    let mut transaction = database.begin("prune the audit log").await?;
    append(&mut transaction, random, &[event]).await?;
    let change = Change { start: Some((to, prunable.anchor.hash.0)), next_key: None };
    let made = make(&mut transaction, now, random, signer, change).await?;
    let made = made.ok_or(StorageError::Inconsistent { what: "audit_checkpoints" })?;
    transaction.commit().await?;
    remove_pruned(database, signer).await?;
    Ok(made)
}

/// Removes what the newest checkpoint says is removed and is still there, if that is one to go by; how many there were.
pub async fn remove_pruned(database: &Database, signer: &Signer) -> Result<u64, PruneError> {
    let newest = signed_newest(database, signer).await?.filter(|newest| newest.start_seq > 0);
    let Some(newest) = newest else { return Ok(0) };
    let mut removed = 0;
    loop {
        let sql =
            "DELETE FROM audit_log WHERE seq IN (SELECT seq FROM audit_log WHERE seq <= $1 ORDER BY seq LIMIT $2)";
        match database.execute(sql, params![newest.start_seq, PAGE]).await? {
            0 => return Ok(removed),
            some => removed += some,
        }
    }
}
