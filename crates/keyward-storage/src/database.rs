//! The one SQL database. This module and `migrations/` are all that knows that there are two kinds of it.

mod catalog;
mod freeze;
mod in_place;
mod postgres;
mod snapshot;
mod sqlite;

use keyward_core::clock::Clock;

use crate::change::{ChangeFeed, Changes};
use crate::error::StorageError;
use crate::migrate::{self, MigrationReport};
use crate::row::Row;
use crate::transaction::Transaction;
use crate::value::Value;

pub(crate) use catalog::{Class, Table, tables};
pub(crate) use in_place::RowInPlace;

pub use sqlite::settle_file;

use postgres::{AdvisoryLock, Postgres, PostgresTransaction};
use sqlite::{FileLock, Sqlite, SqliteTransaction};

/// Which database, and how much of it.
#[derive(Clone)]
pub struct StorageConfig {
    /// `sqlite:PATH` or a PostgreSQL URL; several hosts may be named in it.
    pub url: String,
    /// Most connections to PostgreSQL; how many connections read an SQLite file, beside the one that writes.
    pub max_connections: usize,
}

/// The URL may hold a password.
impl std::fmt::Debug for StorageConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StorageConfig")
    }
}

/// The kinds of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An embedded file.
    Sqlite,
    /// A server, shared by replicas.
    Postgres,
}

/// The database. Clones share connections.
#[derive(Clone)]
pub struct Database {
    engine: Engine,
    changes: Changes,
    clock: Clock,
}

#[derive(Clone)]
enum Engine {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({:?})", self.kind())
    }
}

impl Database {
    /// Opens it; an SQLite file is made when there is none. Does not migrate.
    pub async fn open(config: &StorageConfig, clock: Clock) -> Result<Self, StorageError> {
        let engine = if let Some(path) = config.url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err(StorageError::Url { reason: "a path is missing".to_owned() });
            }
            Engine::Sqlite(Sqlite::open(path.into(), config.max_connections).await?)
        } else if config.url.starts_with("postgres://") || config.url.starts_with("postgresql://") {
            Engine::Postgres(Box::new(Postgres::open(&config.url, config.max_connections).await?))
        } else {
            return Err(StorageError::Url { reason: "unknown kind of database".to_owned() });
        };
        Ok(Self { engine, changes: Changes::default(), clock })
    }

    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self.engine {
            Engine::Sqlite(_) => Kind::Sqlite,
            Engine::Postgres(_) => Kind::Postgres,
        }
    }

    /// The clock that its rows are dated by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Brings the schema up to date; safe from several processes at once.
    pub async fn migrate(&self) -> Result<MigrationReport, StorageError> {
        migrate::up(self, migrate::NEWEST).await
    }

    /// The schema's version; 0 for an empty database.
    pub async fn schema_version(&self) -> Result<i64, StorageError> {
        migrate::version(self).await
    }

    /// Rows of a statement. One that writes is a transaction of its own, as with [`execute`](Self::execute).
    pub async fn query(&self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StorageError> {
        self.run(sql, params, usize::MAX).await.map(|answer| answer.rows)
    }

    /// The first row of a statement.
    pub async fn query_opt(&self, sql: &'static str, params: &[Value]) -> Result<Option<Row>, StorageError> {
        self.run(sql, params, 1).await.map(|mut answer| (!answer.rows.is_empty()).then(|| answer.rows.swap_remove(0)))
    }

    /// What `read` makes of the first row of a statement that only reads. A row of SQLite is not copied before; whatever `read`
    /// does, a connection waits for it.
    pub(crate) async fn read_first<T>(
        &self,
        sql: &'static str,
        params: &[Value],
        read: impl FnOnce(&RowInPlace<'_>) -> Result<T, StorageError> + Send,
    ) -> Result<Option<T>, StorageError> {
        params.iter().try_for_each(Value::check)?;
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.read_first(sql, params, read),
            Engine::Postgres(postgres) => {
                let answer = Box::pin(postgres.run(sql, params)).await?;
                answer.rows.first().map(|row| read(&RowInPlace::Sent(row))).transpose()
            }
        }
    }

    /// One writing statement, durable when this returns; gives the number of rows that it met.
    pub async fn execute(&self, sql: &'static str, params: &[Value]) -> Result<u64, StorageError> {
        self.run(sql, params, usize::MAX).await.map(|answer| answer.changed)
    }

    /// What a statement gives; of one that reads at most `most` rows are needed. Beside what waits, which is put apart, a read
    /// in place would be little: a future is moved with all that it may come to hold.
    async fn run(&self, sql: &'static str, params: &[Value], most: usize) -> Result<Answer, StorageError> {
        params.iter().try_for_each(Value::check)?;
        match &self.engine {
            Engine::Sqlite(sqlite) => match sqlite.read(sql, params, most)? {
                Some(rows) => Ok(Answer { rows, changed: 0 }),
                None => Box::pin(sqlite.write(sql, params)).await,
            },
            Engine::Postgres(postgres) => Box::pin(postgres.run(sql, params)).await,
        }
    }

    /// A write transaction; `name` is for errors and logs. SQLite has one at a time: nothing slow belongs inside, and no
    /// write beside it by the same task.
    pub async fn begin(&self, name: &'static str) -> Result<Transaction, StorageError> {
        let engine = match &self.engine {
            Engine::Sqlite(sqlite) => EngineTransaction::Sqlite(sqlite.begin().await?),
            Engine::Postgres(postgres) => EngineTransaction::Postgres(Box::new(postgres.begin().await?)),
        };
        Ok(Transaction::new(engine, name, self.changes.clone()))
    }

    pub(crate) async fn engine_lock(&self, key: &str) -> Result<Option<EngineLock>, StorageError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => Ok(sqlite.try_lock(key).await?.map(|_held| EngineLock::Sqlite { _held })),
            Engine::Postgres(postgres) => {
                Ok(postgres.try_lock(key).await?.map(|lock| EngineLock::Postgres(Box::new(lock))))
            }
        }
    }

    /// Whether a process that lives can lose a [`Lock`](crate::Lock): one on PostgreSQL ends with its connection.
    pub fn locks_can_be_lost(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    /// What changes from now on, here and in other processes.
    pub fn changes(&self) -> ChangeFeed {
        self.changes.subscribe(self)
    }

    /// Calls `heard` when another process tells of a change, and once when it begins. On SQLite nobody tells anything, and
    /// this never returns.
    pub(crate) async fn listen(&self, heard: impl Fn() + Send) -> Result<(), StorageError> {
        match &self.engine {
            Engine::Sqlite(_) => std::future::pending().await,
            Engine::Postgres(postgres) => postgres.listen(CHANNEL, heard).await,
        }
    }
}

/// The channel of `NOTIFY`.
const CHANNEL: &str = "keyward_changes";

/// What a statement gave.
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    /// Rows written; on PostgreSQL also rows read.
    pub(crate) changed: u64,
}

/// A lock of either kind.
pub(crate) enum EngineLock {
    Sqlite { _held: FileLock },
    Postgres(Box<AdvisoryLock>),
}

impl EngineLock {
    pub(crate) fn is_held(&self) -> bool {
        match self {
            Self::Sqlite { .. } => true,
            Self::Postgres(lock) => lock.is_held(),
        }
    }
}

impl std::fmt::Debug for EngineLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EngineLock")
    }
}

/// An open transaction of either kind.
pub(crate) enum EngineTransaction {
    Sqlite(SqliteTransaction),
    Postgres(Box<PostgresTransaction>),
}

impl EngineTransaction {
    pub(crate) async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Answer, StorageError> {
        params.iter().try_for_each(Value::check)?;
        match self {
            Self::Sqlite(sqlite) => sqlite.run(sql, params),
            Self::Postgres(postgres) => postgres.run(sql, params).await,
        }
    }

    /// The same statement once for each list of parameters, without waiting for one to begin the next where there is a
    /// network in between.
    pub(crate) async fn run_each(&mut self, sql: &str, lists: &[Vec<Value>]) -> Result<(), StorageError> {
        lists.iter().flatten().try_for_each(Value::check)?;
        match self {
            Self::Sqlite(sqlite) => lists.iter().try_for_each(|params| sqlite.run(sql, params).map(drop)),
            Self::Postgres(postgres) => postgres.run_each(sql, lists).await,
        }
    }

    /// The same with values as a backup has them: texts, numbers and bytes alone, which the columns tell the types of.
    pub(crate) async fn load(&mut self, sql: &str, rows: Vec<Vec<Value>>) -> Result<(), StorageError> {
        let rows = match self {
            Self::Sqlite(_) => rows,
            Self::Postgres(postgres) => postgres.fit(sql, rows).await?,
        };
        self.run_each(sql, &rows).await
    }

    pub(crate) async fn batch(&mut self, sql: &str) -> Result<(), StorageError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.batch(sql),
            Self::Postgres(postgres) => postgres.batch(sql).await,
        }
    }

    /// Lets it wait between two statements for as long as it takes.
    pub(crate) async fn may_rest(&mut self) -> Result<(), StorageError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => postgres.may_rest().await,
        }
    }

    pub(crate) async fn lock(&mut self, key: &str) -> Result<(), StorageError> {
        match self {
            // The one writer holds every lock there is.
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => {
                let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))::text";
                postgres.run(sql, &[key.into()]).await.map(drop)
            }
        }
    }

    /// Tells other processes, once this is committed, where the database can.
    pub(crate) async fn tell(&mut self, what: &str) -> Result<(), StorageError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => {
                postgres.run("SELECT pg_notify($1, $2)::text", &[CHANNEL.into(), what.into()]).await.map(drop)
            }
        }
    }

    pub(crate) async fn commit(self) -> Result<(), StorageError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.commit().await,
            Self::Postgres(postgres) => postgres.commit().await,
        }
    }
}
