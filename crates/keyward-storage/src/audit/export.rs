//! Exports: written as the records are read, and verified offline.

use std::io::{self, BufRead, Read};

use keyward_core::clock::Timestamp;

use super::hex::Hex;
use super::line::InvalidLine;
use super::list::{AuditFilter, AuditRecord, matching};
use super::trust::Trust;
use super::verify::VerifyReport;
use super::walk::{BadRecord, Fault, Walk};
use crate::database::Database;
use crate::error::StorageError;

/// Records that are read at once.
const PAGE: u32 = 1_000;
/// More than any record has as a line.
const LONGEST_LINE: u64 = 16 << 20;
/// How often the reader of an export is told where it is.
const TOLD_EVERY: i64 = 1_000;

/// An export cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A row that holds what no record has.
    #[error("a record after {after} of the audit log cannot be read; see `keyward audit verify`")]
    Unreadable {
        /// The last that could be.
        after: i64,
    },
    /// Where it is written to.
    #[error("the export cannot be written")]
    Write(#[from] io::Error),
}

/// An export cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Where it is read from.
    #[error("the export cannot be read")]
    Read(#[from] io::Error),
    /// A line that is no record.
    #[error("line {line} of the export")]
    Line {
        /** Which. */
        line: u64,
        /// Why.
        #[source]
        cause: InvalidLine,
    },
    /// A line that does not end.
    #[error("line {0} of the export is longer than 16 MiB: this is no export")]
    TooLong(u64),
    /// Nothing in it.
    #[error("the export has no record")]
    Empty,
}

/// Gives the records that `filter` and `until` let through to `take`, the oldest first; how many there were. The filter's
/// limit does not count. Only as many records as are read at once are in memory.
pub async fn export(
    database: &Database,
    filter: &AuditFilter,
    until: Option<Timestamp>,
    mut take: impl FnMut(&AuditRecord) -> io::Result<()> + Send,
) -> Result<u64, ExportError> {
    let (mut last, mut count) = (0, 0);
    loop {
        let rows = matching(database, filter, until, last, PAGE).await?;
        if rows.is_empty() {
            return Ok(count);
        }
        for row in &rows {
            let record = AuditRecord::read(row).map_err(|_| ExportError::Unreadable { after: last })?;
            take(&record)?;
            (last, count) = (record.seq, count + 1);
        }
    }
}

/// Verifies an export in JSON Lines. It may begin in the middle of a log; between its first and its last record none may be
/// missing, so an export of some actions only does not verify.
pub fn verify_export(
    mut export: impl BufRead,
    trust: &Trust,
    mut progress: impl FnMut(i64),
) -> Result<VerifyReport, ReadError> {
    let mut report = VerifyReport::default();
    let mut walk: Option<Walk> = None;
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        number += 1;
        if (&mut export).take(LONGEST_LINE).read_until(b'\n', &mut line)? as u64 == LONGEST_LINE {
            return Err(ReadError::TooLong(number));
        }
        if line.is_empty() {
            break;
        }
        let record = AuditRecord::parse_json(&line).map_err(|cause| ReadError::Line { line: number, cause })?;
        let here = walk.get_or_insert_with(|| beginning(&record));
        if report.good == 0 {
            report.start = here.last;
        }
        let mut next = *here;
        if let Err(bad) = next.step(&record).and_then(|()| next.meets(trust.kept())) {
            report.first_bad = Some(bad);
            return Ok(report);
        }
        *here = next;
        report.good += 1;
        if next.last % TOLD_EVERY == 0 {
            progress(next.last);
        }
    }
    let end = walk.ok_or(ReadError::Empty)?;
    against_kept(&mut report, trust, end.last);
    Ok(report)
}

/// Where an export begins whose first record is this one: what came before is not in it.
fn beginning(first: &AuditRecord) -> Walk {
    match Hex::<32>::of(&first.prev_hash) {
        Some(hash) if first.seq > 1 => Walk { last: first.seq - 1, hash: hash.0 },
        _ => Walk::BEGINNING,
    }
}

/// What the kept checkpoints prove of an export that is whole in itself.
fn against_kept(report: &mut VerifyReport, trust: &Trust, end: i64) {
    for kept in trust.kept() {
        if !report.keys.contains(&kept.public_key) {
            report.keys.push(kept.public_key);
        }
        if kept.seq > end {
            report.first_bad = Some(BadRecord { seq: end + 1, fault: Fault::Missing });
        } else if kept.seq > report.start {
            report.checkpoints += 1;
            report.signed_up_to = kept.seq;
        }
    }
}
