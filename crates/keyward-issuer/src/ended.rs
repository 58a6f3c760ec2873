//! Telling whoever checks access tokens which grants have ended. An end is told before it is answered, so that nobody is
//! told that a token is revoked which still works here; other processes hear of it by [`Topic::Revocations`].
//!
//! [`Topic::Revocations`]: keyward_storage::Topic::Revocations

use std::fmt;
use std::sync::OnceLock;

use keyward_core::id::GrantId;
use keyward_storage::StorageError;
use tokio::sync::Mutex;

use crate::state::Issuer;

type Listener = Box<dyn Fn(Vec<GrantId>) + Send + Sync>;

/// Who is told.
#[derive(Default)]
pub(crate) struct EndedGrants {
    listener: OnceLock<Listener>,
    /// Held from reading to telling: an older list never comes after a newer one.
    turn: Mutex<()>,
}

impl fmt::Debug for EndedGrants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndedGrants").finish_non_exhaustive()
    }
}

impl Issuer {
    /// `listener` is given all grants of [`Issuer::ended_grants`], now and whenever one more has ended; the first that is
    /// set stays.
    pub fn when_grants_end(&self, listener: impl Fn(Vec<GrantId>) + Send + Sync + 'static) {
        let _ = self.ended.listener.set(Box::new(listener));
    }

    /// Tells the listener of all grants that have ended.
    pub async fn tell_ended_grants(&self) -> Result<(), StorageError> {
        let Some(listener) = self.ended.listener.get() else { return Ok(()) };
        let _turn = self.ended.turn.lock().await;
        listener(self.ended_grants().await?);
        Ok(())
    }

    /// The same after a transaction that ended some. What is committed is not undone by a failure to tell: it is then
    /// told with the next change.
    pub(crate) async fn after_grants_ended(&self) {
        if let Err(error) = self.tell_ended_grants().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "ended grants could not be read at once");
        }
    }
}
