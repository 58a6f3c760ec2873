//! A checkpoint: a signed statement of where the chain stood. A copy of one, kept where the database's administrator cannot
//! reach, proves that no record before it was changed or removed since.

use aws_lc_rs::digest::{SHA256, digest};
use keyward_core::clock::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::hex::Hex;
use super::key::{PublicKey, Signature};
use crate::error::StorageError;
use crate::params;
use crate::row::Row;
use crate::value::Value;

/// The label of what is signed; a change of it is a new format.
const LABEL: &[u8] = b"keyward audit checkpoint v1";

/// A signed statement about the log. As text it is one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Which log: drawn with its first checkpoint.
    pub log_id: Uuid,
    /// Its place among the log's checkpoints, from 1.
    pub number: i64,
    /// The last record that it covers; 0 before the first.
    pub seq: i64,
    /// The chain's hash there.
    pub hash: Hex<32>,
    /// Records up to this one were removed by retention; 0 when none was.
    pub start_seq: i64,
    /// The chain's hash there.
    pub start_hash: Hex<32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// SHA-256 of the checkpoint before it, signature included; zeros in the first.
    pub previous: Hex<32>,
    /// The key that it is signed with.
    pub public_key: PublicKey,
    /// The key that signs from the next checkpoint on, when it is another.
    pub next_key: Option<PublicKey>,
    /// Ed25519 over all of the above.
    pub signature: Signature,
}

/// A text that is no checkpoint.
#[derive(Debug, thiserror::Error)]
#[error("not a checkpoint of an audit log: {0}")]
pub struct InvalidCheckpoint(#[source] serde_json::Error);

/// How a checkpoint breaks the chain of checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointFault {
    /// A number is missing: it was removed.
    Missing,
    /// Its signature is not its key's: it was altered.
    Signature,
    /// It is signed by a key that the one before does not announce.
    Key,
    /// It does not follow the one before: one of them was replaced.
    Misplaced,
    /// It is not the one that was kept elsewhere under this number.
    NotAsKept,
}

impl std::fmt::Display for CheckpointFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Signature => "has a wrong signature",
            Self::Key => "is signed with a key that no checkpoint before it announces",
            Self::Misplaced => "does not follow the checkpoint before it",
            Self::NotAsKept => "is not the one that was kept elsewhere",
        })
    }
}

impl Checkpoint {
    /// Reads the line that [`Display`](std::fmt::Display) writes.
    pub fn parse(line: &str) -> Result<Self, InvalidCheckpoint> {
        serde_json::from_str(line).map_err(InvalidCheckpoint)
    }

    /// What is signed: a label, then fields of fixed width, so that no two statements encode alike.
    pub(super) fn message(&self) -> Vec<u8> {
        let mut message = LABEL.to_vec();
        message.extend(self.log_id.as_bytes());
        message.extend(self.number.to_be_bytes());
        message.extend(self.seq.to_be_bytes());
        message.extend(self.hash.0);
        message.extend(self.start_seq.to_be_bytes());
        message.extend(self.start_hash.0);
        message.extend(self.created_at.as_micros().to_be_bytes());
        message.extend(self.previous.0);
        message.extend(self.public_key.0);
        message.push(self.next_key.is_some().into());
        message.extend(self.next_key.map_or([0; 32], |key| key.0));
        message
    }

    /// Whether its signature is its key's.
    pub fn is_signed(&self) -> bool {
        self.public_key.has_signed(&self.message(), &self.signature)
    }

    /// The key that signs the next one.
    pub fn key_after(&self) -> PublicKey {
        self.next_key.unwrap_or(self.public_key)
    }

    /// What the next one binds.
    pub(super) fn digest(&self) -> Hex<32> {
        let mut whole = self.message();
        whole.extend(self.signature.0);
        let mut hash = Hex([0; 32]);
        hash.0.copy_from_slice(digest(&SHA256, &whole).as_ref());
        hash
    }

    /// Whether it may come after `before`, or first.
    pub(super) fn follows(&self, before: Option<&Self>) -> Result<(), CheckpointFault> {
        if self.number != before.map_or(0, |before| before.number) + 1 {
            return Err(CheckpointFault::Missing);
        }
        if !self.is_signed() {
            return Err(CheckpointFault::Signature);
        }
        let Some(before) = before else {
            return if self.previous.0 == [0; 32] { Ok(()) } else { Err(CheckpointFault::Misplaced) };
        };
        if self.public_key != before.key_after() {
            return Err(CheckpointFault::Key);
        }
        let is_further = self.seq >= before.seq && self.start_seq >= before.start_seq && self.start_seq <= self.seq;
        if self.log_id == before.log_id && self.previous == before.digest() && is_further {
            Ok(())
        } else {
            Err(CheckpointFault::Misplaced)
        }
    }

    pub(super) fn read(row: &Row) -> Result<Self, StorageError> {
        Ok(Self {
            number: row.get(0)?,
            log_id: row.get(1)?,
            seq: row.get(2)?,
            hash: bytes(row, 3)?,
            start_seq: row.get(4)?,
            start_hash: bytes(row, 5)?,
            created_at: row.get(6)?,
            previous: bytes(row, 7)?,
            public_key: bytes(row, 8)?,
            next_key: match row.get::<Option<Vec<u8>>>(9)? {
                Some(key) => Some(Hex::of(&key).ok_or(StorageError::Column { index: 9 })?),
                None => None,
            },
            signature: bytes(row, 10)?,
        })
    }

    pub(super) fn values(&self) -> Vec<Value> {
        params![
            self.number,
            self.log_id,
            self.seq,
            self.hash.0.as_slice(),
            self.start_seq,
            self.start_hash.0.as_slice(),
            self.created_at,
            self.previous.0.as_slice(),
            self.public_key.0.as_slice(),
            self.next_key.map(|key| key.0.to_vec()),
            self.signature.0.as_slice(),
        ]
        .to_vec()
    }
}

fn bytes<const N: usize>(row: &Row, index: usize) -> Result<Hex<N>, StorageError> {
    Hex::of(&row.get::<Vec<u8>>(index)?).ok_or(StorageError::Column { index })
}

/// One line of JSON.
impl std::fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| std::fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use proptest::prelude::*;

    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            log_id: Uuid::from_bytes(std::array::from_fn(|index| u8::try_from(index).expect("small"))),
            number: 2,
            seq: 7,
            hash: "fcbdcc13b2bfb6251a01e4ef79de197d6dc4b7f8c778362067e4d87b1c314dcd".parse().expect("hex"),
            start_seq: 3,
            start_hash: "e02fd244db2ac55fa65ce72757aefc2486dae9e98c4a5d71153b3ccaaba6bafd".parse().expect("hex"),
            created_at: Timestamp::from_micros(1_700_000_000_000_001),
            previous: Hex([9; 32]),
            public_key: Hex([8; 32]),
            next_key: None,
            signature: Hex([6; 64]),
        }
    }

    /// The vectors were computed apart from this code: what was signed once must verify for ever.
    #[test]
    fn golden_vectors() {
        let hash = |bytes: &[u8]| Hex::<32>::of(digest(&SHA256, bytes).as_ref()).expect("32 bytes").to_string();
        let plain = checkpoint();
        assert_eq!(hash(&plain.message()), "07666d127af845441a916ca4fb64ecfbae85e4a1e61dab73e04fe4bdbd85ded0");
        assert_eq!(plain.digest().to_string(), "1e1d6b5d82a60d671dc083eef53957169bafc8746609ede4026170afe6fdf5bd");
        let announcing = Checkpoint { next_key: Some(Hex([7; 32])), ..plain };
        assert_eq!(hash(&announcing.message()), "3580f60054d3a2e8f923a6e9f19b24048112ebbfd8a081ef3d777b9c740468df");
    }

    #[test]
    fn only_a_whole_line_is_read() {
        let line = checkpoint().to_string();
        assert_eq!(Checkpoint::parse(&line).expect("a checkpoint"), checkpoint());
        for (from, to) in [
            ("\"number\":2", "\"number\":\"2\""),
            ("\"seq\":7,", ""),
            ("\"seq\":7,", "\"seq\":7,\"seq\":7,"),
            ("\"seq\":7,", "\"seq\":7,\"more\":7,"),
            ("0909", "09"),
            ("}", "} x"),
        ] {
            assert!(Checkpoint::parse(&line.replacen(from, to, 1)).is_err(), "{from} {to}");
        }
    }

    proptest! {
        #[test]
        fn a_signature_is_for_every_byte(index in 0..236_usize, bit in 0..8_u32) {
            let pair = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).expect("a key");
            let mut made = checkpoint();
            made.public_key = Hex::of(pair.public_key().as_ref()).expect("32 bytes");
            let mut message = made.message();
            made.signature = Hex::of(pair.sign(&message).as_ref()).expect("64 bytes");
            prop_assert!(made.is_signed());
            message[index] ^= 1 << bit;
            prop_assert!(!made.public_key.has_signed(&message, &made.signature));
        }

        #[test]
        fn any_text_is_read_or_refused(line in "\\PC{0,200}") {
            prop_assert!(Checkpoint::parse(&line).is_err());
        }
    }
}
