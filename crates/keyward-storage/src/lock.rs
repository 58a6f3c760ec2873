//! Locks that one holder has at a time among all processes on a database, for work that waits for others: a call to a
//! provider, a walk over many rows. A process that dies lets go of its locks at once, and no clock is asked.

use std::time::Duration;

use crate::database::{Database, EngineLock};
use crate::error::StorageError;

/// How long to wait before asking again for a lock that another holds.
const PAUSE: Duration = Duration::from_millis(50);

/// A lock, held until it is dropped.
#[derive(Debug)]
pub struct Lock(EngineLock);

impl Lock {
    /// Whether it is still held: a lock on PostgreSQL is lost with its connection. What must not be done twice is guarded
    /// by the rows themselves; the lock keeps it from being tried twice.
    pub fn is_held(&self) -> bool {
        self.0.is_held()
    }
}

impl Database {
    /// Takes the lock `key`, if nobody holds it now. The key's first word is its kind. Never take one while holding another
    /// of the same kind: on SQLite two keys of a kind may share a file.
    pub async fn try_lock(&self, key: &str) -> Result<Option<Lock>, StorageError> {
        Ok(self.engine_lock(key).await?.map(Lock))
    }

    /// Takes the lock `key`, waiting up to `patience` for whoever holds it; `None` when they still do.
    pub async fn lock(&self, key: &str, patience: Duration) -> Result<Option<Lock>, StorageError> {
        let asking = async {
            loop {
                match self.try_lock(key).await {
                    Ok(None) => tokio::time::sleep(PAUSE).await,
                    done => return done,
                }
            }
        };
        tokio::time::timeout(patience, asking).await.unwrap_or(Ok(None))
    }
}
