//! The walk along the chain: record by record, whether they come from the database or from an export.

use super::chain::{GENESIS, Hash};
use super::checkpoint::{Checkpoint, CheckpointFault};
use super::list::AuditRecord;

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
    /// It follows from the records before it, and is not what this checkpoint was signed for: they were written anew.
    Rewritten {
        /// The checkpoint's number.
        checkpoint: i64,
    },
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Altered => "altered",
            Self::Misplaced => "does not follow the record before it",
            Self::BeyondEnd => "comes after the end of the log that is written down",
            Self::Rewritten { checkpoint } => {
                return write!(
                    f,
                    "is not what checkpoint {checkpoint} was signed for: it or records before it were written anew"
                );
            }
        })
    }
}

/// A checkpoint that breaks the chain of checkpoints, or is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCheckpoint {
    /// Its number, or the number that is missing.
    pub number: i64,
    /// What is wrong.
    pub fault: CheckpointFault,
}

/// A place in the chain, and all before it is good.
#[derive(Clone, Copy)]
pub(super) struct Walk {
    /// The last good record.
    pub(super) last: i64,
    /// The chain's hash there.
    pub(super) hash: Hash,
}

impl Walk {
    /// Before the first record.
    pub(super) const BEGINNING: Self = Self { last: 0, hash: GENESIS };

    /// Goes on to the next record, if it is the next.
    pub(super) fn step(&mut self, record: &AuditRecord) -> Result<(), BadRecord> {
        let bad = |seq, fault| Err(BadRecord { seq, fault });
        // An export may say anything.
        let Some(next) = self.last.checked_add(1) else { return bad(self.last, Fault::Misplaced) };
        if record.seq != next {
            return bad(next, Fault::Missing);
        }
        if record.prev_hash != self.hash {
            return bad(record.seq, Fault::Misplaced);
        }
        let hash = record.link(&self.hash);
        if record.hash != hash {
            return bad(record.seq, Fault::Altered);
        }
        (self.last, self.hash) = (record.seq, hash);
        Ok(())
    }

    /// Whether the chain is here as the checkpoints say that end here.
    pub(super) fn meets<'a>(&self, checkpoints: impl IntoIterator<Item = &'a Checkpoint>) -> Result<(), BadRecord> {
        for checkpoint in checkpoints {
            if checkpoint.seq == self.last && checkpoint.hash.0 != self.hash {
                return Err(BadRecord { seq: self.last, fault: Fault::Rewritten { checkpoint: checkpoint.number } });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use keyward_core::clock::Timestamp;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn after_the_last_number_there_is_none() {
        let record = AuditRecord {
            seq: i64::MAX,
            id: Uuid::nil(),
            created_at: Timestamp::from_seconds(0),
            action: "call".to_owned(),
            result: "ok".to_owned(),
            service_id: None,
            token_key: None,
            user_email: None,
            client_id: None,
            request_id: None,
            detail: None,
            prev_hash: GENESIS.to_vec(),
            hash: GENESIS.to_vec(),
        };
        let mut walk = Walk { last: i64::MAX, hash: GENESIS };
        assert_eq!(walk.step(&record), Err(BadRecord { seq: i64::MAX, fault: Fault::Misplaced }));
    }
}
