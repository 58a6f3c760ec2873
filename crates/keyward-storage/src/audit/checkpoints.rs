//! The log's checkpoints: making the next, and reading them.

use keyward_core::clock::Timestamp;
use keyward_core::id::uuid_v7;
use keyward_core::random::Random;

use super::append::head;
use super::chain::{GENESIS, Hash};
use super::checkpoint::Checkpoint;
use super::hex::Hex;
use super::key::{PublicKey, Signer};
use crate::database::Database;
use crate::error::StorageError;
use crate::params;
use crate::transaction::Transaction;

/// The lock of whoever makes checkpoints or removes old records ([`Database::try_lock`]).
pub const KEEPER: &str = "keyward audit keeper";

/// A checkpoint cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What was signed before is not what is there: nothing is signed on top of it.
    #[error(
        "record {seq} of the audit log is not what checkpoint {number} was signed for: the log was changed by other hands; \
         see `keyward audit verify`"
    )]
    Changed {
        /// The record.
        seq: i64,
        /** The checkpoint. */
        number: i64,
    },
    /// The newest checkpoint names another key, or was altered.
    #[error("checkpoint {number} of the audit log does not name the key {key} as the one to sign with")]
    Key {
        /// The newest checkpoint.
        number: i64,
        /// The key at hand.
        key: String,
    },
}

/// What a checkpoint says beside where the chain stands.
#[derive(Default)]
pub(super) struct Change {
    pub(super) start: Option<(i64, Hash)>,
    pub(super) next_key: Option<PublicKey>,
}

macro_rules! columns {
    () => {
        "number, log_id, seq, hash, start_seq, start_hash, created_at, previous, public_key, next_key, signature"
    };
}

/// The newest; `None` before the first.
pub async fn newest_checkpoint(database: &Database) -> Result<Option<Checkpoint>, StorageError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM audit_checkpoints ORDER BY number DESC LIMIT 1");
    database.query_opt(SQL, params![]).await?.as_ref().map(Checkpoint::read).transpose()
}

/// The number of the last record; 0 before the first.
pub async fn last_record(database: &Database) -> Result<i64, StorageError> {
    let row = database.query_opt("SELECT seq FROM audit_head WHERE id = 1", params![]).await?;
    row.map_or(Ok(0), |row| row.get(0))
}

/// Those after `number`, in their order, at most `limit`.
pub async fn checkpoints_after(database: &Database, number: i64, limit: i64) -> Result<Vec<Checkpoint>, StorageError> {
    const SQL: &str =
        concat!("SELECT ", columns!(), " FROM audit_checkpoints WHERE number > $1 ORDER BY number LIMIT $2");
    database.query(SQL, params![number, limit]).await?.iter().map(Checkpoint::read).collect()
}

/// Those that cover a record of `from..=to` as their last.
pub(super) async fn between(database: &Database, from: i64, to: i64) -> Result<Vec<Checkpoint>, StorageError> {
    const SQL: &str =
        concat!("SELECT ", columns!(), " FROM audit_checkpoints WHERE seq >= $1 AND seq <= $2 ORDER BY number");
    database.query(SQL, params![from, to]).await?.iter().map(Checkpoint::read).collect()
}

/// The last that covers no record from `seq` on.
pub(super) async fn last_before(database: &Database, seq: i64) -> Result<Option<Checkpoint>, StorageError> {
    const SQL: &str =
        concat!("SELECT ", columns!(), " FROM audit_checkpoints WHERE seq < $1 ORDER BY number DESC LIMIT 1");
    database.query_opt(SQL, params![seq]).await?.as_ref().map(Checkpoint::read).transpose()
}

/// Signs where the chain stands now. `None` when the newest checkpoint says the same already.
pub async fn make_checkpoint(
    database: &Database,
    random: &Random,
    signer: &Signer,
) -> Result<Option<Checkpoint>, CheckpointError> {
    let mut transaction = database.begin("audit checkpoint").await?;
    let Some(made) = make(&mut transaction, database.clock().now(), random, signer, Change::default()).await? else {
        return Ok(None);
    };
    transaction.commit().await?;
    Ok(Some(made))
}

/// Makes a checkpoint, signed by the key so far, that names the one that signs from the next on.
pub async fn change_key(
    mut transaction: Transaction,
    now: Timestamp,
    random: &Random,
    signer: &Signer,
    next_key: PublicKey,
) -> Result<(), CheckpointError> {
    let change = Change { next_key: Some(next_key), ..Change::default() };
    make(&mut transaction, now, random, signer, change).await?;
    Ok(transaction.commit().await?)
}

/// Makes one within `transaction`, after the records that were appended in it.
pub(super) async fn make(
    transaction: &mut Transaction,
    now: Timestamp,
    random: &Random,
    signer: &Signer,
    change: Change,
) -> Result<Option<Checkpoint>, CheckpointError> {
    const NEWEST: &str = concat!("SELECT ", columns!(), " FROM audit_checkpoints ORDER BY number DESC LIMIT 1");
    transaction.lock("keyward audit checkpoint").await?;
    let before = transaction.query_opt(NEWEST, params![]).await?.as_ref().map(Checkpoint::read).transpose()?;
    let (seq, hash) = head(transaction).await?;
    if let Some(before) = &before {
        let changes_nothing = change.start.is_none() && change.next_key.is_none();
        if changes_nothing && (before.seq, before.hash.0) == (seq, hash) {
            return Ok(None);
        }
        check(transaction, before, signer).await?;
    }
    let (start_seq, start_hash) = change
        .start
        .or_else(|| before.as_ref().map(|before| (before.start_seq, before.start_hash.0)))
        .unwrap_or((0, GENESIS));
    let mut made = Checkpoint {
        log_id: match &before {
            Some(before) => before.log_id,
            None => uuid_v7(now, random).map_err(StorageError::from)?,
        },
        number: before.as_ref().map_or(0, |before| before.number) + 1,
        seq,
        hash: Hex(hash),
        start_seq,
        start_hash: Hex(start_hash),
        created_at: now,
        previous: before.as_ref().map_or(Hex([0; 32]), Checkpoint::digest),
        public_key: signer.public_key(),
        next_key: change.next_key,
        signature: Hex([0; 64]),
    };
    made.signature = signer.sign(&made.message());
    const INSERT: &str = concat!(
        "INSERT INTO audit_checkpoints (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    );
    transaction.execute(INSERT, &made.values()).await?;
    Ok(Some(made))
}

/// Nothing is signed on top of what was changed by other hands, or with a key that is not the next.
async fn check(transaction: &mut Transaction, before: &Checkpoint, signer: &Signer) -> Result<(), CheckpointError> {
    if before.key_after() != signer.public_key() || !before.is_signed() {
        return Err(CheckpointError::Key { number: before.number, key: signer.public_key().id() });
    }
    if before.seq > before.start_seq {
        let row = transaction.query_opt("SELECT hash FROM audit_log WHERE seq = $1", params![before.seq]).await?;
        let hash = row.map(|row| row.get::<Vec<u8>>(0)).transpose()?;
        if hash.as_deref() != Some(&before.hash.0) {
            return Err(CheckpointError::Changed { seq: before.seq, number: before.number });
        }
    }
    Ok(())
}
