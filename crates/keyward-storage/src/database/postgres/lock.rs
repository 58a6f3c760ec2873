//! Advisory locks of one session that each process keeps for them. The server lets go of them when the session ends.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::Client;

use super::connect::Connector;
use crate::error::StorageError;

#[derive(Clone)]
pub(super) struct Locks {
    connector: Connector,
    session: Arc<tokio::sync::Mutex<Option<Arc<Client>>>>,
    /// What this process holds or asks for: the server would let a session take the same lock again.
    taken: Arc<Mutex<HashSet<String>>>,
}

impl Locks {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, session: Arc::default(), taken: Arc::default() }
    }

    pub(super) async fn try_lock(&self, key: &str) -> Result<Option<AdvisoryLock>, StorageError> {
        let Some(taken) = Taken::of(self, key) else { return Ok(None) };
        let this = self.clone();
        // In a task of its own: whoever asked may be gone before the answer, and then the lock is let go of.
        let asked = self.connector.runtime().spawn(async move { this.ask(taken).await });
        asked.await.map_err(|error| StorageError::Unavailable(error.into()))?
    }

    async fn ask(&self, taken: Taken) -> Result<Option<AdvisoryLock>, StorageError> {
        let session = self.session().await?;
        let sql = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
        let row = session.query_one(sql, &[&taken.key]).await?;
        Ok(row.try_get::<_, bool>(0)?.then(|| AdvisoryLock {
            session,
            taken: Some(taken),
            connector: self.connector.clone(),
        }))
    }

    async fn session(&self) -> Result<Arc<Client>, StorageError> {
        let mut session = self.session.lock().await;
        if let Some(client) = session.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let (client, _) = self.connector.clone().connect_here().await?;
        Ok(Arc::clone(session.insert(Arc::new(client))))
    }
}

/// A key in the set of those that this process holds or asks for.
struct Taken {
    key: String,
    among: Arc<Mutex<HashSet<String>>>,
}

impl Taken {
    fn of(locks: &Locks, key: &str) -> Option<Self> {
        let among = Arc::clone(&locks.taken);
        let is_new = among.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned());
        is_new.then(|| Self { key: key.to_owned(), among })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.among.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// A lock that the session holds until this is dropped.
pub(crate) struct AdvisoryLock {
    session: Arc<Client>,
    taken: Option<Taken>,
    connector: Connector,
}

impl AdvisoryLock {
    pub(crate) fn is_held(&self) -> bool {
        !self.session.is_closed()
    }
}

impl Drop for AdvisoryLock {
    fn drop(&mut self) {
        let (session, taken) = (Arc::clone(&self.session), self.taken.take());
        self.connector.runtime().spawn(async move {
            let Some(taken) = taken else { return };
            // When this fails the session has ended, and the lock with it.
            let _ = session.execute("SELECT pg_advisory_unlock(hashtextextended($1, 0))", &[&taken.key]).await;
        });
    }
}
