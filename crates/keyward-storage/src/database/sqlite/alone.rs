//! A database file that nobody has open, as it must be before it is moved.

use std::path::Path;

use rusqlite::Connection;

use crate::error::StorageError;

/// Brings all of a database into its one file, so that it can be moved; [`StorageError::Busy`] when another process has it
/// open.
pub fn settle_file(path: &Path) -> Result<(), StorageError> {
    let connection = Connection::open(path)?;
    // Leaving WAL mode takes the file for itself alone: it fails as long as anybody else has it open.
    let mode: String = connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    if mode == "delete" { Ok(()) } else { Err(StorageError::Busy) }
}
