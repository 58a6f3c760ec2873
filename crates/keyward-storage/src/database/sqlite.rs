//! SQLite: readers that answer in place, one writer at a time.
//!
//! Reading a row takes microseconds, so it runs on the caller's thread. What can take long, waiting for another process's
//! write lock and syncing a commit, runs on a blocking thread.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Statement, ToSql};
use tokio::sync::OwnedMutexGuard;

use crate::error::StorageError;
use crate::row::Row;
use crate::value::Value;

/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements that each connection keeps.
const STATEMENTS: usize = 128;

#[derive(Clone)]
pub(super) struct Sqlite {
    path: Arc<PathBuf>,
    idle_readers: Arc<Mutex<Vec<Connection>>>,
    writer: Arc<tokio::sync::Mutex<Connection>>,
}

impl Sqlite {
    pub(super) async fn open(path: PathBuf) -> Result<Self, StorageError> {
        blocking(move || {
            let writer = connect(&path)?;
            // WAL needs to write, so a file that cannot be written shows itself here.
            writer.pragma_update(None, "journal_mode", "WAL")?;
            if writer.is_readonly("main")? {
                return Err(StorageError::ReadOnly);
            }
            writer.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            Ok(Self {
                path: Arc::new(path),
                idle_readers: Arc::default(),
                writer: Arc::new(tokio::sync::Mutex::new(writer)),
            })
        })
        .await
    }

    pub(super) fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StorageError> {
        let idle = self.idle().pop();
        let reader = idle.map_or_else(|| connect(&self.path), Ok)?;
        let rows = query(&reader, sql, params);
        self.idle().push(reader);
        rows
    }

    pub(super) async fn begin(&self) -> Result<SqliteTransaction, StorageError> {
        let writer = Writer(Arc::clone(&self.writer).lock_owned().await);
        blocking(move || {
            writer.0.execute_batch("BEGIN IMMEDIATE")?;
            Ok(SqliteTransaction { writer })
        })
        .await
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle_readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write transaction. Dropped without a commit, it is rolled back.
pub(super) struct SqliteTransaction {
    writer: Writer,
}

impl SqliteTransaction {
    pub(super) fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StorageError> {
        query(&self.writer.0, sql, params)
    }

    pub(super) fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, StorageError> {
        let mut statement = self.writer.0.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        let mut changed = statement.raw_execute();
        // A statement with RETURNING gives rows; they are not wanted here, but it must run to its end.
        if matches!(changed, Err(rusqlite::Error::ExecuteReturnedResults)) {
            changed = Ok(query(&self.writer.0, sql, params)?.len());
        }
        Ok(changed? as u64)
    }

    pub(super) fn batch(&self, sql: &str) -> Result<(), StorageError> {
        Ok(self.writer.0.execute_batch(sql)?)
    }

    pub(super) async fn commit(self) -> Result<(), StorageError> {
        blocking(move || Ok(self.writer.0.execute_batch("COMMIT")?)).await
    }
}

/// The writer's connection while it is held. It is never given back inside a transaction, whatever became of its holder.
struct Writer(OwnedMutexGuard<Connection>);

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.0.is_autocommit()
            && let Err(error) = self.0.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "cannot roll a transaction back");
        }
    }
}

fn connect(path: &Path) -> Result<Connection, StorageError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

fn query(connection: &Connection, sql: &str, params: &[Value]) -> Result<Vec<Row>, StorageError> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, params)?;
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let value = |index| row.get_ref(index).map_err(StorageError::from).and_then(|value| from_sqlite(index, value));
        found.push(Row::new((0..columns).map(value).collect::<Result<_, _>>()?));
    }
    Ok(found)
}

/// SQLite numbers `$n` parameters by their first appearance; they are bound by the number in their name.
fn bind(statement: &mut Statement<'_>, params: &[Value]) -> Result<(), StorageError> {
    for index in 1..=statement.parameter_count() {
        let number = statement.parameter_name(index).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        let value = number.and_then(|number| params.get(number.checked_sub(1)?));
        statement
            .raw_bind_parameter(index, value.ok_or(StorageError::Inconsistent { what: "a statement's parameters" })?)?;
    }
    Ok(())
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Bool(value) => ToSqlOutput::Owned(i64::from(*value).into()),
            Self::Int(value) => ToSqlOutput::Owned((*value).into()),
            Self::Text(value) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
            Self::Bytes(value) => ToSqlOutput::Borrowed(ValueRef::Blob(value)),
            Self::Time(value) => ToSqlOutput::Owned(value.to_string().into()),
            Self::Uuid(value) => ToSqlOutput::Owned(value.to_string().into()),
        })
    }
}

fn from_sqlite(index: usize, value: ValueRef<'_>) -> Result<Value, StorageError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Text(value) => {
            Value::Text(std::str::from_utf8(value).map_err(|_| StorageError::Column { index })?.to_owned())
        }
        ValueRef::Blob(value) => Value::Bytes(value.to_vec()),
        ValueRef::Real(_) => return Err(StorageError::Column { index }),
    })
}

async fn blocking<T, F>(work: F) -> Result<T, StorageError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StorageError> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(|error| StorageError::Unavailable(error.into()))?
}
