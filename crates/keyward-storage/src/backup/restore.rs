//! Restoring a backup: all of it in one transaction, or nothing.

use std::io::BufRead;

use super::read::{Item, Reader};
use super::{BackupError, Summary};
use crate::database::{Database, Table, tables};
use crate::error::StorageError;
use crate::migrate::{self, NEWEST};
use crate::transaction::Transaction;
use crate::value::Value;

/// Rows that are written at once: so many, or so many bytes.
const ROWS: usize = 500;
const BYTES: usize = 1024 * 1024;

/// Loads a backup into an empty database, of whichever kind, and brings its schema up to date. Whatever goes wrong, also at
/// the very end of the backup, leaves the database as it was. `progress` hears how many rows are loaded so far.
pub async fn restore(
    database: &Database,
    input: impl BufRead,
    mut progress: impl FnMut(u64),
) -> Result<Summary, BackupError> {
    let mut reader = Reader::new(input)?;
    let schema = reader.schema();
    let mut transaction = database.begin("restore a backup").await?;
    transaction.may_rest().await?;
    clear(&mut transaction, database).await?;
    migrate::prepare(&mut transaction, database.kind()).await?;
    migrate::apply(&mut transaction, database, 0, schema).await?;
    // Migrations write rows of their own: their names, and what they seed tables with.
    for table in tables(schema)?.iter().rev() {
        transaction.batch(&format!("DELETE FROM {}", table.quoted())).await?;
    }
    let mut batch = Batch::default();
    let mut total = 0;
    let summary = loop {
        match reader.next()? {
            Item::Table(table) => {
                batch.write(&mut transaction).await?;
                batch.table = Some(table);
            }
            Item::Row(row) => {
                batch.add(row);
                if batch.rows.len() >= ROWS || batch.bytes >= BYTES {
                    batch.write(&mut transaction).await?;
                }
                total += 1;
                progress(total);
            }
            Item::End(summary) => break summary,
        }
    };
    batch.write(&mut transaction).await?;
    migrate::apply(&mut transaction, database, schema, NEWEST).await?;
    transaction.commit().await?;
    Ok(summary)
}

/// Drops the tables, after a look that there is nothing in them. What only counts changes and versions does not count.
async fn clear(transaction: &mut Transaction, database: &Database) -> Result<(), BackupError> {
    // As migrations do: no process migrates meanwhile, and the version is that of the tables.
    let version = migrate::prepare(transaction, database.kind()).await?;
    let tables = tables(version)?;
    for table in &tables {
        let counts = matches!(table.name.as_str(), "schema_migrations" | "changes");
        if !counts && !transaction.is_empty(table).await? {
            return Err(BackupError::NotEmpty { table: table.name.clone() });
        }
    }
    for table in tables.iter().rev() {
        transaction.batch(&format!("DROP TABLE {}", table.quoted())).await?;
    }
    Ok(())
}

#[derive(Default)]
struct Batch {
    table: Option<Table>,
    rows: Vec<Vec<Value>>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, row: Vec<Value>) {
        self.bytes += row.iter().map(size).sum::<usize>();
        self.rows.push(row);
    }

    async fn write(&mut self, transaction: &mut Transaction) -> Result<(), StorageError> {
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        match &self.table {
            Some(table) if !rows.is_empty() => transaction.load(table, rows).await,
            _ => Ok(()),
        }
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => size_of::<Value>(),
    }
}
