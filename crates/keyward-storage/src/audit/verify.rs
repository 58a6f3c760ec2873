//! Verifying the chain from its beginning to its end.

use std::cmp::Ordering;

use super::chain::{GENESIS, Hash};
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
    /// It comes after the end that is written down: it was put in, or the end was changed.
    BeyondEnd,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Altered => "altered",
            Self::Misplaced => "does not follow the record before it",
            Self::BeyondEnd => "comes after the end of the log that is written down",
        })
    }
}

/// Walks the whole chain.
pub async fn verify(database: &Database) -> Result<VerifyReport, StorageError> {
    let (mut last, mut previous, mut has_grown) = (0_i64, GENESIS, false);
    loop {
        let rows = database
            .query(
                "SELECT seq, id, service_id, action, user_email, token_key, result, created_at, client_id, request_id, \
                 detail, prev_hash, hash FROM audit_log WHERE seq > $1 ORDER BY seq LIMIT $2",
                params![last, PAGE],
            )
            .await?;
        if rows.is_empty() {
            match against_head(database, last, &previous).await? {
                // Records were appended since the last look.
                Head::Further if !has_grown => has_grown = true,
                verdict => return Ok(verdict.report(last)),
            }
            continue;
        }
        has_grown = false;
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

/// How the end of the records stands to the end that is written down.
enum Head {
    Same,
    Further,
    Before,
}

impl Head {
    fn report(self, last: i64) -> VerifyReport {
        let first_bad = match self {
            Self::Same => None,
            Self::Further => Some(BadRecord { seq: last + 1, fault: Fault::Missing }),
            Self::Before => Some(BadRecord { seq: last, fault: Fault::BeyondEnd }),
        };
        VerifyReport { good: last.unsigned_abs(), first_bad }
    }
}

async fn against_head(database: &Database, last: i64, hash: &Hash) -> Result<Head, StorageError> {
    let row = database.query_opt("SELECT seq, hash FROM audit_head WHERE id = 1", params![]).await?;
    let (seq, head) = match row {
        Some(row) => (row.get::<i64>(0)?, row.get::<Vec<u8>>(1)?),
        None => (0, GENESIS.to_vec()),
    };
    Ok(match seq.cmp(&last) {
        Ordering::Greater => Head::Further,
        Ordering::Equal if head == hash => Head::Same,
        Ordering::Equal | Ordering::Less => Head::Before,
    })
}
