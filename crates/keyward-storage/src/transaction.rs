//! Transactions: all of it, or nothing.

use std::collections::BTreeSet;

use crate::change::{self, Changes, Topic};
use crate::database::{Answer, EngineTransaction, Table};
use crate::error::StorageError;
use crate::row::Row;
use crate::value::Value;

/// A write transaction. Dropped without a commit, at whatever point, it is rolled back. After a statement that failed, or
/// whose future was dropped, it takes no further statement and no commit: what may be there already is for `ON CONFLICT`.
pub struct Transaction {
    engine: EngineTransaction,
    name: &'static str,
    is_broken: bool,
    topics: BTreeSet<Topic>,
    changes: Changes,
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transaction({})", self.name)
    }
}

impl Transaction {
    pub(crate) const fn new(engine: EngineTransaction, name: &'static str, changes: Changes) -> Self {
        Self { engine, name, is_broken: false, topics: BTreeSet::new(), changes }
    }

    /// Rows of a statement, also of a writing one with `RETURNING`.
    pub async fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StorageError> {
        self.run(sql, params).await.map(|answer| answer.rows)
    }

    /// The first row of a statement.
    pub async fn query_opt(&mut self, sql: &'static str, params: &[Value]) -> Result<Option<Row>, StorageError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// A writing statement; gives the number of rows that it met.
    pub async fn execute(&mut self, sql: &'static str, params: &[Value]) -> Result<u64, StorageError> {
        self.run(sql, params).await.map(|answer| answer.changed)
    }

    /// A writing statement, once for each list of parameters, in their order.
    pub(crate) async fn execute_each(&mut self, sql: &'static str, lists: &[Vec<Value>]) -> Result<(), StorageError> {
        self.begin_step()?;
        self.engine.run_each(sql, lists).await?;
        self.is_broken = false;
        Ok(())
    }

    /// Writes rows of a backup.
    pub(crate) async fn load(&mut self, table: &Table, rows: Vec<Vec<Value>>) -> Result<(), StorageError> {
        self.begin_step()?;
        self.engine.load(&table.insert(), rows).await?;
        self.is_broken = false;
        Ok(())
    }

    /// Lets it wait between two statements for as long as it takes: for a file or a pipe.
    pub(crate) async fn may_rest(&mut self) -> Result<(), StorageError> {
        self.begin_step()?;
        self.engine.may_rest().await?;
        self.is_broken = false;
        Ok(())
    }

    /// Whether a table has no row.
    pub(crate) async fn is_empty(&mut self, table: &Table) -> Result<bool, StorageError> {
        self.begin_step()?;
        let answer = self.engine.run(&table.any(), &[]).await?;
        self.is_broken = false;
        Ok(answer.rows.is_empty())
    }

    /// Several statements without parameters, as migrations are written.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<(), StorageError> {
        self.begin_step()?;
        self.engine.batch(sql).await?;
        self.is_broken = false;
        Ok(())
    }

    /// Holds the advisory lock `key` until the end of the transaction. SQLite has one writer anyway.
    pub async fn lock(&mut self, key: &str) -> Result<(), StorageError> {
        self.begin_step()?;
        self.engine.lock(key).await?;
        self.is_broken = false;
        Ok(())
    }

    /// Tells every process, this one too, that what `topic` names has changed, once the transaction is committed.
    pub async fn notify(&mut self, topic: Topic) -> Result<(), StorageError> {
        self.topics.insert(topic);
        Ok(())
    }

    /// Makes it last.
    pub async fn commit(mut self) -> Result<(), StorageError> {
        if self.is_broken {
            return Err(StorageError::Aborted { name: self.name });
        }
        // Last, and in the same order everywhere: these rows are what transactions that have nothing else to do with each
        // other would wait for.
        let mut news = Vec::new();
        for topic in self.topics {
            news.push((topic, change::advance(&mut self.engine, topic).await?));
        }
        self.engine.commit().await?;
        self.changes.publish(&news);
        Ok(())
    }

    async fn run(&mut self, sql: &'static str, params: &[Value]) -> Result<Answer, StorageError> {
        self.begin_step()?;
        let answer = self.engine.run(sql, params).await?;
        self.is_broken = false;
        Ok(answer)
    }

    /// Broken until the step has succeeded: a future that is dropped on the way leaves it so.
    fn begin_step(&mut self) -> Result<(), StorageError> {
        if self.is_broken {
            return Err(StorageError::Aborted { name: self.name });
        }
        self.is_broken = true;
        Ok(())
    }
}
