//! PostgreSQL: a pool of connections, prepared statements kept on each.

mod connect;
mod lock;
mod parameter;
mod url;

use std::pin::pin;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use futures_util::TryStreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_postgres::types::ToSql;

use self::connect::Connector;
pub(super) use self::lock::AdvisoryLock;
use self::lock::Locks;
use self::parameter::Column;
use super::{Answer, Table};
use crate::error::{StorageError, WrongType};
use crate::row::Row;
use crate::value::Value;

/// How long a call waits for a connection, a new one or one that is in use.
const WAIT: Duration = Duration::from_secs(5);
/// How long the statement of a transaction that was given up may still hold its connection.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(super) struct Postgres {
    pool: Pool,
    connector: Connector,
    locks: Locks,
}

impl Postgres {
    pub(super) async fn open(url: &str, max_connections: usize) -> Result<Self, StorageError> {
        let connector = Connector::new(url::parse(url)?)?;
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_connect(connector.config(), connector.clone(), config))
            .max_size(max_connections.max(2))
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts { wait: Some(WAIT), create: Some(WAIT * 2), recycle: Some(WAIT) })
            .build()
            .map_err(|error| StorageError::Unavailable(error.into()))?;
        drop(pool.get().await?);
        let locks = Locks::new(connector.clone());
        Ok(Self { pool, connector, locks })
    }

    pub(super) async fn run(&self, sql: &str, params: &[Value]) -> Result<Answer, StorageError> {
        let connection = self.pool.get().await?;
        match run(&connection, sql, params).await {
            // Nothing was done; prepared anew, it fits the tables as they are now.
            Err(error) if is_stale(&error) => {
                connection.statement_cache.clear();
                Ok(run(&connection, sql, params).await?)
            }
            result => Ok(result?),
        }
    }

    pub(super) async fn begin(&self) -> Result<PostgresTransaction, StorageError> {
        let connection = Some(self.pool.get().await?);
        let transaction = PostgresTransaction { connection, runtime: self.connector.runtime().clone() };
        transaction.batch("BEGIN").await?;
        Ok(transaction)
    }

    /// A transaction that sees the database as it is now, with `tables` kept as they are until it ends.
    pub(super) async fn snapshot(&self, tables: &[Table]) -> Result<PostgresTransaction, StorageError> {
        let connection = Some(self.pool.get().await?);
        let transaction = PostgresTransaction { connection, runtime: self.connector.runtime().clone() };
        transaction.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        transaction.may_rest().await?;
        let names: Vec<String> = tables.iter().map(Table::quoted).collect();
        // Before the first look, so that what is seen fits the tables that are kept.
        transaction.batch(&format!("LOCK TABLE {} IN ACCESS SHARE MODE", names.join(", "))).await?;
        Ok(transaction)
    }

    pub(super) async fn try_lock(&self, key: &str) -> Result<Option<AdvisoryLock>, StorageError> {
        self.locks.try_lock(key).await
    }

    pub(super) async fn listen(&self, channel: &str, heard: impl Fn() + Send) -> Result<(), StorageError> {
        Ok(self.connector.listen(channel, heard).await?)
    }
}

/// A transaction. Dropped without a commit, it is rolled back before its connection is used again.
pub(crate) struct PostgresTransaction {
    connection: Option<Object>,
    runtime: Handle,
}

impl PostgresTransaction {
    fn connection(&self) -> Result<&Object, StorageError> {
        self.connection.as_ref().ok_or(StorageError::Inconsistent { what: "a transaction after its end" })
    }

    pub(super) async fn run(&self, sql: &str, params: &[Value]) -> Result<Answer, StorageError> {
        let connection = self.connection()?;
        run(connection, sql, params).await.map_err(|error| {
            if is_stale(&error) {
                connection.statement_cache.clear();
                return StorageError::Busy;
            }
            error.into()
        })
    }

    /// All are sent before the first answer is waited for; the connection keeps their order.
    pub(super) async fn run_each(&self, sql: &str, lists: &[Vec<Value>]) -> Result<(), StorageError> {
        let Some((first, rest)) = lists.split_first() else { return Ok(()) };
        // The first finds or prepares the statement for all.
        self.run(sql, first).await?;
        futures_util::future::try_join_all(rest.iter().map(|params| self.run(sql, params))).await.map(drop)
    }

    /// Gives the rows one after the other, never more at once than whoever takes them can.
    pub(super) async fn read(&self, sql: &str, rows: mpsc::Sender<Row>) -> Result<(), StorageError> {
        let connection = self.connection()?;
        let statement = connection.prepare(sql).await?;
        let none = std::iter::empty::<&(dyn ToSql + Sync)>();
        let mut found = pin!(connection.query_raw(&statement, none).await?);
        while let Some(row) = found.try_next().await? {
            if rows.send(columns(&row)?).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// The values as the parameters of `sql` want them.
    pub(super) async fn fit(&self, sql: &str, rows: Vec<Vec<Value>>) -> Result<Vec<Vec<Value>>, StorageError> {
        let statement = self.connection()?.prepare_cached(sql).await?;
        let types = statement.params();
        let fit = |row: Vec<Value>| row.into_iter().zip(types).map(|(value, wanted)| value.fit(wanted)).collect();
        rows.into_iter().map(fit).collect()
    }

    /// Lets it wait between two statements for as long as it takes: for a slow disk, or a pipe.
    pub(super) async fn may_rest(&self) -> Result<(), StorageError> {
        self.batch("SET LOCAL idle_in_transaction_session_timeout = 0").await
    }

    pub(super) async fn batch(&self, sql: &str) -> Result<(), StorageError> {
        Ok(self.connection()?.batch_execute(sql).await?)
    }

    pub(super) async fn commit(mut self) -> Result<(), StorageError> {
        self.batch("COMMIT").await?;
        drop(self.connection.take());
        Ok(())
    }
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // The connection keeps its order: what is still on its way ends first, then this, and only then is it lent again.
        self.runtime.spawn(async move {
            let rolled_back = tokio::time::timeout(ROLLBACK_TIMEOUT, connection.batch_execute("ROLLBACK")).await;
            if !matches!(rolled_back, Ok(Ok(()))) {
                // Closed for good: the server rolls back what it finds unfinished.
                drop(Object::take(connection));
            }
        });
    }
}

/// The tables were changed since the statement was prepared.
fn is_stale(error: &Failed) -> bool {
    let Failed::Server(error) = error else { return false };
    error.as_db_error().is_some_and(|error| error.message().contains("cached plan must not change"))
}

enum Failed {
    Server(tokio_postgres::Error),
    Parameters(WrongType),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<Failed> for StorageError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Server(error) => error.into(),
            Failed::Parameters(error) => Self::Statement(error.into()),
        }
    }
}

async fn run(connection: &Object, sql: &str, params: &[Value]) -> Result<Answer, Failed> {
    let statement = connection.prepare_cached(sql).await?;
    let (given, wanted) = (params.len(), statement.params().len());
    if given != wanted {
        // The driver panics on this.
        return Err(Failed::Parameters(WrongType {
            kind: "list",
            wanted: format!("{wanted} parameters, not {given}"),
        }));
    }
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
    if statement.columns().is_empty() {
        return Ok(Answer { rows: Vec::new(), changed: connection.execute(&statement, &params).await? });
    }
    let found = connection.query(&statement, &params).await?;
    let rows = found.iter().map(columns).collect::<Result<Vec<Row>, _>>()?;
    Ok(Answer { changed: rows.len() as u64, rows })
}

fn columns(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    let columns = (0..row.len()).map(|index| row.try_get::<_, Column>(index).map(|column| column.0));
    Ok(Row::new(columns.collect::<Result<_, _>>()?))
}
