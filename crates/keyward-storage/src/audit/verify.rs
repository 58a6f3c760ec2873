//! Verifying the chain from its beginning to its end.

use super::chain::GENESIS;
use super::list::AuditRecord;
use crate::database::Database;
use crate::error::StorageError;
use crate::params;

/// Records that are read at once.
const PAGE: i64 = 1_000;

/// What the walk along the chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// How many records follow from the beginning without fault.
    pub good: u64,
    /// The first that does not.
    pub first_bad: Option<BadRecord>,
}

/// The first record that breaks the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// Its number, or the number that is missing.
    pub seq: i64,
    /// What is wrong.
    pub fault: Fault,
}

/// How a record breaks the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its number is missing: it was removed.
    Missing,
    /// Its content does not give its hash: it was altered.
    Altered,
    /// It does not follow the one before: it was moved, or put in.
    Misplaced,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Altered => "altered",
            Self::Misplaced => "does not follow the record before it",
        })
    }
}

/// Walks the whole chain.
pub async fn verify(database: &Database) -> Result<VerifyReport, StorageError> {
    let (mut last, mut previous) = (0_i64, GENESIS);
    loop {
        let rows = database
            .query(
                "SELECT seq, id, service_id, action, user_email, token_key, result, created_at, client_id, request_id, \
                 detail, prev_hash, hash FROM audit_log WHERE seq > $1 ORDER BY seq LIMIT $2",
                params![last, PAGE],
            )
            .await?;
        if rows.is_empty() {
            return Ok(VerifyReport { good: last.unsigned_abs(), first_bad: None });
        }
        for row in &rows {
            let bad =
                |seq, fault| VerifyReport { good: last.unsigned_abs(), first_bad: Some(BadRecord { seq, fault }) };
            let Ok(record) = AuditRecord::read(row) else { return Ok(bad(last + 1, Fault::Altered)) };
            if record.seq != last + 1 {
                return Ok(bad(last + 1, Fault::Missing));
            }
            if record.prev_hash != previous {
                return Ok(bad(record.seq, Fault::Misplaced));
            }
            let hash = record.link(&previous);
            if record.hash != hash {
                return Ok(bad(record.seq, Fault::Altered));
            }
            (last, previous) = (record.seq, hash);
        }
    }
}
