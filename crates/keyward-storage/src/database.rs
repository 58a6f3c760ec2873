//! The one SQL database. This module and `migrations/` are all that knows that there are two kinds of it.

mod postgres;
mod sqlite;

use keyward_core::clock::Clock;

use crate::change::{ChangeFeed, Changes, Topic};
use crate::error::StorageError;
use crate::migrate::{self, MigrationReport};
use crate::params;
use crate::row::Row;
use crate::value::Value;

use postgres::{Postgres, PostgresTransaction};
use sqlite::{Sqlite, SqliteTransaction};

/// Which database, and how much of it.
#[derive(Clone)]
pub struct StorageConfig {
    /// `sqlite:PATH` or a PostgreSQL URL; several hosts may be named in it.
    pub url: String,
    /// Most connections to PostgreSQL; SQLite opens readers as they are needed.
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
            Engine::Sqlite(Sqlite::open(path.into()).await?)
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
        migrate::up(self).await
    }

    /// The schema's version; 0 for an empty database.
    pub async fn schema_version(&self) -> Result<i64, StorageError> {
        migrate::version(self).await
    }

    /// Rows of a reading statement.
    pub async fn query(&self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StorageError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.query(sql, params),
            Engine::Postgres(postgres) => postgres.query(sql, params).await,
        }
    }

    /// The first row of a reading statement.
    pub async fn query_opt(&self, sql: &'static str, params: &[Value]) -> Result<Option<Row>, StorageError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// One writing statement, durable when this returns; gives the number of rows that it met.
    pub async fn execute(&self, sql: &'static str, params: &[Value]) -> Result<u64, StorageError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                let transaction = sqlite.begin().await?;
                let rows = transaction.execute(sql, params)?;
                transaction.commit().await?;
                Ok(rows)
            }
            Engine::Postgres(postgres) => postgres.execute(sql, params).await,
        }
    }

    /// A write transaction; `name` is for logs.
    pub async fn begin(&self, name: &'static str) -> Result<Transaction, StorageError> {
        let engine = match &self.engine {
            Engine::Sqlite(sqlite) => EngineTransaction::Sqlite(sqlite.begin().await?),
            Engine::Postgres(postgres) => EngineTransaction::Postgres(Box::new(postgres.begin().await?)),
        };
        Ok(Transaction { engine, name, changes: self.changes.clone(), notified: Vec::new() })
    }

    /// What changes from now on, here and in other processes.
    pub fn changes(&self) -> ChangeFeed {
        self.changes.subscribe(self)
    }

    /// Waits for PostgreSQL's notifications; on SQLite it never returns, the poll finds what others change.
    pub(crate) async fn listen(&self, on_change: impl FnMut(&str) + Send) -> Result<(), StorageError> {
        match &self.engine {
            Engine::Sqlite(_) => std::future::pending().await,
            Engine::Postgres(postgres) => postgres.listen(crate::change::CHANNEL, on_change).await,
        }
    }
}

/// A write transaction. Dropped without a commit, it is rolled back.
pub struct Transaction {
    engine: EngineTransaction,
    name: &'static str,
    changes: Changes,
    notified: Vec<Topic>,
}

enum EngineTransaction {
    Sqlite(SqliteTransaction),
    Postgres(Box<PostgresTransaction>),
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transaction({})", self.name)
    }
}

impl Transaction {
    /// Rows of a statement, also of a writing one with `RETURNING`.
    pub async fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StorageError> {
        match &self.engine {
            EngineTransaction::Sqlite(sqlite) => sqlite.query(sql, params),
            EngineTransaction::Postgres(postgres) => postgres.query(sql, params).await,
        }
    }

    /// The first row of a statement.
    pub async fn query_opt(&mut self, sql: &'static str, params: &[Value]) -> Result<Option<Row>, StorageError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// A writing statement; gives the number of rows that it met.
    pub async fn execute(&mut self, sql: &'static str, params: &[Value]) -> Result<u64, StorageError> {
        match &self.engine {
            EngineTransaction::Sqlite(sqlite) => sqlite.execute(sql, params),
            EngineTransaction::Postgres(postgres) => postgres.execute(sql, params).await,
        }
    }

    /// Several statements without parameters, as migrations are written.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<(), StorageError> {
        match &self.engine {
            EngineTransaction::Sqlite(sqlite) => sqlite.batch(sql),
            EngineTransaction::Postgres(postgres) => postgres.batch(sql).await,
        }
    }

    /// Holds the advisory lock `key` until the end of the transaction. SQLite has one writer anyway.
    pub async fn lock(&mut self, key: &str) -> Result<(), StorageError> {
        if let EngineTransaction::Postgres(postgres) = &self.engine {
            postgres.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))::text", params![key]).await?;
        }
        Ok(())
    }

    /// Tells every process, this one too, that what `topic` names has changed, once the transaction is committed.
    pub async fn notify(&mut self, topic: Topic) -> Result<(), StorageError> {
        self.execute(
            "INSERT INTO changes (topic, counter) VALUES ($1, 1) ON CONFLICT (topic) DO UPDATE SET counter = changes.counter + 1",
            params![topic.as_str()],
        )
        .await?;
        if let EngineTransaction::Postgres(postgres) = &self.engine {
            postgres.query("SELECT pg_notify($1, $2)::text", params![crate::change::CHANNEL, topic.as_str()]).await?;
        }
        self.notified.push(topic);
        Ok(())
    }

    /// Makes it last.
    pub async fn commit(self) -> Result<(), StorageError> {
        match self.engine {
            EngineTransaction::Sqlite(sqlite) => sqlite.commit().await?,
            EngineTransaction::Postgres(postgres) => postgres.commit().await?,
        }
        for topic in self.notified {
            self.changes.publish(topic);
        }
        Ok(())
    }
}
