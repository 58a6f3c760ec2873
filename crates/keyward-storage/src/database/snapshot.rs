//! The whole database as it is at one moment, read while others write.

use tokio::sync::mpsc;

use super::postgres::PostgresTransaction;
use super::sqlite::SqliteSnapshot;
use super::{Database, Engine, Table};
use crate::error::StorageError;
use crate::row::Row;

/// A view of the database that does not change.
pub(crate) struct Snapshot(Inner);

enum Inner {
    Sqlite(SqliteSnapshot),
    Postgres(Box<PostgresTransaction>),
}

impl Database {
    /// The database as it is now; `tables` are those that will be read.
    pub(crate) async fn snapshot(&self, tables: &[Table]) -> Result<Snapshot, StorageError> {
        Ok(Snapshot(match &self.engine {
            Engine::Sqlite(sqlite) => Inner::Sqlite(sqlite.snapshot().await?),
            Engine::Postgres(postgres) => Inner::Postgres(Box::new(postgres.snapshot(tables).await?)),
        }))
    }
}

impl Snapshot {
    /// Sends the rows of a table; waits while the channel is full.
    pub(crate) async fn read(&self, table: &Table, rows: mpsc::Sender<Row>) -> Result<(), StorageError> {
        match &self.0 {
            Inner::Sqlite(sqlite) => sqlite.read(table.select(), rows).await,
            Inner::Postgres(postgres) => postgres.read(&table.select(), rows).await,
        }
    }
}
