//! Backups: the whole database in one portable file, taken and restored in one consistent step each.
//!
//! The form is the same whichever kind of database it is of, so a backup is also the way from one kind to the other. It is
//! JSON Lines, so that nothing but a text tool is needed to look into one:
//!
//! ```text
//! {"keyward_backup":1,"schema":2,"created_at":"2026-01-01T00:00:00.000000Z"}
//! {"table":"users","columns":[["id","text"],["email","text"],["is_admin","integer"]]}
//! ["01941f29-7c00-7000-8000-000000000000","ada@example.com",1]
//! {"rows":{"users":1}}
//! {"sha256":"…"}
//! ```
//!
//! Times are RFC 3339 text, UUIDs are text, truth is 0 or 1, bytes are base64. The last line has the SHA-256 of every byte
//! before it. What is sealed stays sealed: the root key is in no backup.

mod create;
mod format;
mod read;
mod restore;

use std::collections::BTreeMap;

use keyward_core::clock::Timestamp;
use serde::Serialize;

pub use create::create;
pub use read::verify;
pub use restore::restore;

use crate::error::StorageError;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The version of its schema.
    pub schema: i64,
    /// When it was begun.
    pub created_at: Timestamp,
    /// How many rows each table has.
    pub rows: BTreeMap<String, u64>,
    /// The SHA-256 of all lines but the last, in hexadecimal.
    pub sha256: String,
}

impl Summary {
    /// The rows of all tables.
    pub fn total(&self) -> u64 {
        self.rows.values().sum()
    }
}

/// Why a backup was not taken, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The backup is not what was written.
    #[error("the backup is damaged at line {line}: {reason}")]
    Damaged {
        /** The line, from 1. */
        line: u64,
        /** What is wrong with it. */
        reason: &'static str,
    },
    /// Its end is missing.
    #[error("the backup ends after {lines} lines, before its end: it was cut off while it was written or copied")]
    CutOff {
        /** How many lines there are. */
        lines: u64,
    },
    /// A newer Keyward has made it.
    #[error(
        "the backup has schema version {found}, this Keyward knows up to {known}: restore it with the newer Keyward"
    )]
    Newer {
        /** Its version. */
        found: i64,
        /** The newest that is known here. */
        known: i64,
    },
    /// What it is restored into holds something.
    #[error("the database is not empty: the table {table} has rows; nothing was changed")]
    NotEmpty {
        /** A table that has rows. */
        table: String,
    },
    /// The schema was changed while the backup was taken.
    #[error("the database was migrated while the backup was taken: take it again")]
    Migrated,
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
