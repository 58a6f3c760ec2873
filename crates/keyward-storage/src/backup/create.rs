//! Taking a backup.

use std::collections::BTreeMap;
use std::io::Write;

use tokio::sync::mpsc;

use super::format::{Counts, FORMAT, Header, Lines, Section, to_json};
use super::{BackupError, Summary};
use crate::database::{Database, Table, tables};
use crate::error::StorageError;
use crate::migrate::NEWEST;
use crate::row::Row;

/// How many rows may wait to be written.
const WAITING: usize = 64;

/// Writes the database as it is at one moment to `out`; others go on reading and writing meanwhile. No more than a few rows
/// are in memory at once. `progress` hears how many rows are written so far.
pub async fn create(
    database: &Database,
    out: impl Write,
    mut progress: impl FnMut(u64),
) -> Result<Summary, BackupError> {
    let schema = database.schema_version().await?;
    match schema {
        0 => return Err(StorageError::Older { found: 0, needed: NEWEST }.into()),
        newer if newer > NEWEST => return Err(StorageError::Newer { found: newer, known: NEWEST }.into()),
        _ => {}
    }
    let tables = tables(schema)?;
    let created_at = database.clock().now();
    let snapshot = database.snapshot(&tables).await?;
    let mut lines = Lines::new(out);
    lines.write(&Header { keyward_backup: FORMAT, schema, created_at })?;
    let (mut rows, mut total, mut version) = (BTreeMap::new(), 0, 0);
    for table in &tables {
        lines.write(&Section { table: table.name.clone(), columns: table.columns.clone() })?;
        let (sender, mut receiver) = mpsc::channel(WAITING);
        let read = async { snapshot.read(table, sender).await.map_err(BackupError::from) };
        let write = async {
            let mut count = 0;
            while let Some(row) = receiver.recv().await {
                version = version.max(version_in(table, &row)?);
                let values: Vec<_> = row.into_values().into_iter().map(to_json).collect();
                lines.write(&values)?;
                count += 1;
                total += 1;
                progress(total);
            }
            Ok(count)
        };
        let ((), count) = tokio::try_join!(read, write)?;
        rows.insert(table.name.clone(), count);
    }
    if version != schema {
        return Err(BackupError::Migrated);
    }
    lines.write(&Counts { rows: rows.clone() })?;
    let sha256 = lines.finish()?;
    Ok(Summary { schema, created_at, rows, sha256 })
}

/// What a row of the table of versions says; 0 for others.
fn version_in(table: &Table, row: &Row) -> Result<i64, StorageError> {
    let of_versions = table.name == "schema_migrations";
    let column = table.columns.iter().position(|(name, _)| of_versions && name == "version");
    column.map_or(Ok(0), |column| row.get(column))
}
