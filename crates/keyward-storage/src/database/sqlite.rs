//! SQLite: readers that answer in place, one writer at a time.
//!
//! Reading a row takes microseconds, so it runs on the caller's thread. What can take long, waiting for another process's
//! write lock and syncing a commit, runs on a blocking thread.

mod alone;
mod lock;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, ToSql};
use tokio::sync::{OwnedMutexGuard, mpsc};

pub use self::alone::settle_file;
pub(super) use self::lock::FileLock;
use super::{Answer, RowInPlace};
use crate::error::StorageError;
use crate::row::Row;
use crate::value::Value;

/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long this process's own writers wait for each other.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(30);
/// Pages that each reader keeps, in KiB as SQLite's `cache_size` has them: memory does not grow with the database. What is not
/// kept is in the system's own cache.
const READER_CACHE: i64 = -512;
/// Prepared statements that each connection keeps.
const STATEMENTS: usize = 128;

#[derive(Clone)]
pub(super) struct Sqlite {
    readers: Arc<[Mutex<Connection>]>,
    next_reader: Arc<AtomicUsize>,
    writer: Arc<tokio::sync::Mutex<Connection>>,
    path: Arc<Path>,
}

impl Sqlite {
    pub(super) async fn open(path: PathBuf, readers: usize) -> Result<Self, StorageError> {
        blocking(move || {
            create_private(&path);
            let writer = connect(&path)?;
            if writer.is_readonly("main")? {
                return Err(StorageError::ReadOnly);
            }
            // WAL needs to write, so a folder that cannot be written shows itself here.
            enter_wal_mode(&writer)?;
            writer.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            let readers = (0..readers.max(1)).map(|_| {
                let reader = connect(&path)?;
                reader.pragma_update(None, "query_only", true)?;
                reader.pragma_update(None, "cache_size", READER_CACHE)?;
                Ok(Mutex::new(reader))
            });
            Ok(Self {
                readers: readers.collect::<Result<_, StorageError>>()?,
                next_reader: Arc::default(),
                writer: Arc::new(tokio::sync::Mutex::new(writer)),
                path: path.into(),
            })
        })
        .await
    }

    /// A statement that writes, as a transaction of its own.
    pub(super) async fn write(&self, sql: &'static str, params: &[Value]) -> Result<Answer, StorageError> {
        let transaction = self.begin().await?;
        let params = params.to_vec();
        blocking(move || {
            let answer = transaction.run(sql, &params)?;
            transaction.finish()?;
            Ok(answer)
        })
        .await
    }

    /// The rows of a statement, at most so many, read in place. `None` when the statement writes: nothing was done then.
    pub(super) fn read(&self, sql: &str, params: &[Value], most: usize) -> Result<Option<Vec<Row>>, StorageError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(&numbered(sql))?;
        if statement.readonly() { step(&mut statement, params, most).map(Some) } else { Ok(None) }
    }

    /// What `read` makes of the first row, where it lies.
    pub(super) fn read_first<T>(
        &self,
        sql: &str,
        params: &[Value],
        read: impl FnOnce(&RowInPlace<'_>) -> Result<T, StorageError>,
    ) -> Result<Option<T>, StorageError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(&numbered(sql))?;
        bind(&mut statement, params)?;
        let mut rows = statement.raw_query();
        rows.next()?.map(|row| read(&RowInPlace::Sqlite(row))).transpose()
    }

    /// The first connection that nobody uses now, so that one cache of pages is warm rather than all of them; when all are
    /// in use, the next in turn, for the microseconds that it takes.
    fn reader(&self) -> MutexGuard<'_, Connection> {
        for reader in self.readers.iter() {
            match reader.try_lock() {
                Ok(reader) => return reader,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let next = self.next_reader.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        self.readers[next].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn try_lock(&self, key: &str) -> Result<Option<FileLock>, StorageError> {
        let (path, key) = (Arc::clone(&self.path), key.to_owned());
        blocking(move || lock::try_lock(&path, &key)).await
    }

    /// A connection of its own that sees the database as it is now, until it is dropped.
    pub(super) async fn snapshot(&self) -> Result<SqliteSnapshot, StorageError> {
        let path = Arc::clone(&self.path);
        blocking(move || {
            let connection = connect(&path)?;
            connection.pragma_update(None, "query_only", true)?;
            connection.execute_batch("BEGIN")?;
            // The first look is what fixes the snapshot.
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            Ok(SqliteSnapshot(Arc::new(Mutex::new(connection))))
        })
        .await
    }

    pub(super) async fn begin(&self) -> Result<SqliteTransaction, StorageError> {
        let queued = tokio::time::timeout(QUEUE_TIMEOUT, Arc::clone(&self.writer).lock_owned()).await;
        let writer = Writer(queued.map_err(|_| StorageError::Busy)?);
        blocking(move || {
            writer.0.execute_batch("BEGIN IMMEDIATE")?;
            Ok(SqliteTransaction { writer })
        })
        .await
    }
}

/// A read transaction on a connection of its own.
pub(crate) struct SqliteSnapshot(Arc<Mutex<Connection>>);

impl SqliteSnapshot {
    pub(super) async fn read(&self, sql: String, rows: mpsc::Sender<Row>) -> Result<(), StorageError> {
        let connection = Arc::clone(&self.0);
        blocking(move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever takes the rows may be gone.
            each(&mut connection.prepare(&sql)?, &[], |row| rows.blocking_send(row).is_ok())
        })
        .await
    }
}

/// A write transaction. Dropped without a commit, it is rolled back.
pub(crate) struct SqliteTransaction {
    writer: Writer,
}

impl SqliteTransaction {
    pub(super) fn run(&self, sql: &str, params: &[Value]) -> Result<Answer, StorageError> {
        let mut statement = self.writer.0.prepare_cached(&numbered(sql))?;
        let rows = step(&mut statement, params, usize::MAX)?;
        let changed = if statement.readonly() { 0 } else { self.writer.0.changes() };
        Ok(Answer { rows, changed })
    }

    pub(super) fn batch(&self, sql: &str) -> Result<(), StorageError> {
        Ok(self.writer.0.execute_batch(sql)?)
    }

    pub(super) async fn commit(self) -> Result<(), StorageError> {
        blocking(move || self.finish()).await
    }

    fn finish(self) -> Result<(), StorageError> {
        self.batch("COMMIT")
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

/// Makes the file for its owner's eyes alone; SQLite gives the files beside it the same mode. That it is there already, or
/// that it cannot be made, is for SQLite to find.
fn create_private(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(path));
}

fn connect(path: &Path) -> Result<Connection, StorageError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// Two processes that open a fresh file at once collide here, and SQLite does not wait for this lock by itself.
fn enter_wal_mode(connection: &Connection) -> Result<(), StorageError> {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && waited < BUSY_TIMEOUT => {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            done => return Ok(done?),
        }
    }
}

fn step(statement: &mut Statement<'_>, params: &[Value], most: usize) -> Result<Vec<Row>, StorageError> {
    let mut found = Vec::new();
    each(statement, params, |row| {
        found.push(row);
        found.len() < most
    })?;
    Ok(found)
}

/// Gives each row to `take`, until that says no.
fn each(
    statement: &mut Statement<'_>,
    params: &[Value],
    mut take: impl FnMut(Row) -> bool,
) -> Result<(), StorageError> {
    bind(statement, params)?;
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let mut values = Vec::with_capacity(columns);
        for index in 0..columns {
            values.push(from_sqlite(index, row.get_ref(index)?)?);
        }
        if !take(Row::new(values)) {
            break;
        }
    }
    Ok(())
}

/// The statement with `?n` in the place of `$n`: SQLite numbers the first by the number and the other by where it comes
/// first. To ask for the name of each when it is bound costs as much as a read does, and a batch of audit records has
/// hundreds. No statement has a dollar sign in it for anything else.
fn numbered(sql: &str) -> String {
    let mut bytes = sql.as_bytes().to_vec();
    for byte in &mut bytes {
        *byte = if *byte == b'$' { b'?' } else { *byte };
    }
    String::from_utf8(bytes).expect("a byte of ASCII for another")
}

/// As PostgreSQL does: a parameter that the statement does not know is a mistake.
fn bind(statement: &mut Statement<'_>, params: &[Value]) -> Result<(), StorageError> {
    let known = statement.parameter_count();
    if known != params.len() {
        return Err(rusqlite::Error::InvalidParameterCount(params.len(), known).into());
    }
    for (value, index) in params.iter().zip(1..) {
        statement.raw_bind_parameter::<usize, _>(index, value)?;
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

pub(super) fn from_sqlite(index: usize, value: ValueRef<'_>) -> Result<Value, StorageError> {
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
