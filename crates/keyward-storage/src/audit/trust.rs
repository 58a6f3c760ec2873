//! What a check of the log may rely on: public keys, and checkpoints that were kept elsewhere.

use super::checkpoint::{Checkpoint, CheckpointFault};
use super::key::PublicKey;
use super::walk::BadCheckpoint;

/// What was kept elsewhere. Empty, a check goes by what the database says of itself.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    keys: Vec<PublicKey>,
    kept: Vec<Checkpoint>,
}

/// What was kept elsewhere cannot be relied on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// A wrong signature.
    #[error("checkpoint {0} has a wrong signature: it is not what Keyward wrote")]
    Signature(i64),
    /// None of the keys.
    #[error("checkpoint {number} is signed with key {key}, which is none of the public keys that were given")]
    Key {
        /// The checkpoint.
        number: i64,
        /** Its key. */
        key: String,
    },
    /// Of two logs.
    #[error("checkpoint {0} is of another log than the one before it")]
    OtherLog(i64),
}

impl Trust {
    /// Relies on these keys, and on the checkpoints that they have signed. A checkpoint that announces a new key makes
    /// that key relied on, too. Without keys the checkpoints must only be signed with the keys that they name.
    pub fn new(keys: Vec<PublicKey>, mut kept: Vec<Checkpoint>) -> Result<Self, Untrusted> {
        kept.sort_by_key(|checkpoint| checkpoint.number);
        let (mut trusted, log_id) = (keys, kept.first().map(|checkpoint| checkpoint.log_id));
        let is_keyless = trusted.is_empty();
        for checkpoint in &kept {
            if !checkpoint.is_signed() {
                return Err(Untrusted::Signature(checkpoint.number));
            }
            if !is_keyless && !trusted.contains(&checkpoint.public_key) {
                return Err(Untrusted::Key { number: checkpoint.number, key: checkpoint.public_key.id() });
            }
            if Some(checkpoint.log_id) != log_id {
                return Err(Untrusted::OtherLog(checkpoint.number));
            }
            if !is_keyless {
                trusted.extend(checkpoint.next_key);
            }
        }
        Ok(Self { keys: trusted, kept })
    }

    pub(super) fn kept(&self) -> &[Checkpoint] {
        &self.kept
    }

    /// Whether the log's own checkpoint is the one that was kept under its number.
    pub(super) fn agrees(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointFault> {
        let differs = |kept: &&Checkpoint| kept.number == checkpoint.number && *kept != checkpoint;
        if self.kept.iter().any(|kept| differs(&kept)) { Err(CheckpointFault::NotAsKept) } else { Ok(()) }
    }

    /// Whether the log's own checkpoints, of which `newest` is the last and `signers` the keys, reach what was kept.
    pub(super) fn is_reached(&self, newest: i64, signers: &[PublicKey]) -> Result<(), BadCheckpoint> {
        if let Some(kept) = self.kept.last().filter(|kept| kept.number > newest) {
            let number = (newest + 1).min(kept.number);
            return Err(BadCheckpoint { number, fault: CheckpointFault::Missing });
        }
        if newest > 0 && !self.keys.is_empty() && !signers.iter().any(|signer| self.keys.contains(signer)) {
            return Err(BadCheckpoint { number: newest, fault: CheckpointFault::Key });
        }
        Ok(())
    }
}
