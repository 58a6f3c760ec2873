//! The data keys under another root key. No row is touched; processes that have the data keys open go on.

use std::sync::Arc;

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::random::Random;
use keyward_storage::data_keys::{self, DataKeyRow};
use keyward_storage::{Topic, Transaction};

use super::Vault;
use crate::error::VaultError;
use crate::key::ring::{LOCK, unwrap_row};
use crate::key::{DataKey, KeyWrapper, WrapError};
use crate::seal::KeyId;

/// How often it is tried while others make data keys.
const ROUNDS: usize = 8;

/// What was wrapped anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrapped {
    /// The root key before.
    pub from: String,
    /// The root key now.
    pub to: String,
    /// How many data keys there are.
    pub keys: usize,
}

impl Vault {
    /// Wraps every data key with `next`. Each new wrapping is unwrapped and compared before the old one is given up, and all
    /// are exchanged in one transaction: a process that is killed leaves them under the one root key or under the other.
    /// From then on the database opens with `next`.
    pub async fn rewrap_data_keys(&self, next: Arc<dyn KeyWrapper>) -> Result<Rewrapped, VaultError> {
        let current = self.0.ring.wrapper().clone();
        if current.id() == next.id() {
            return Err(VaultError::SameRootKey { id: next.id().to_owned() });
        }
        let lock = self.keys_lock().await?;
        let done = self.exchange(&*current, &*next).await;
        drop(lock);
        if let Err(error) = &done {
            let detail = serde_json::json!({ "to": next.id(), "reason": error.to_string() });
            self.record_failure(Action::KeyRewrap, &detail);
        }
        Ok(Rewrapped { from: current.id().to_owned(), to: next.id().to_owned(), keys: done? })
    }

    async fn exchange(&self, current: &dyn KeyWrapper, next: &dyn KeyWrapper) -> Result<usize, VaultError> {
        for _ in 0..ROUNDS {
            let rows = data_keys::all(&self.0.db).await?;
            let mut wrapped = Vec::with_capacity(rows.len());
            for row in &rows {
                // Calls to providers happen here: nothing slow belongs into a transaction.
                let (id, key) = unwrap_row(current, row).await?;
                wrapped.push(wrap_and_check(next, &id, &key, &self.0.random).await?);
            }
            let detail = serde_json::json!({ "from": current.id(), "to": next.id(), "keys": rows.len() });
            let event = self.keys_event(Action::KeyRewrap, AuditResult::Ok, &detail);
            if self.store_wrapped(&rows, &wrapped, next.id(), event).await? {
                return Ok(rows.len());
            }
        }
        Err(VaultError::KeysChanged)
    }

    /// Exchanges the wrappings, all or none; `false` when the keys are not those of `rows` any more.
    async fn store_wrapped(
        &self,
        rows: &[DataKeyRow],
        wrapped: &[Vec<u8>],
        by: &str,
        event: AuditEvent,
    ) -> Result<bool, VaultError> {
        let mut transaction = self.0.db.begin("wrap data keys anew").await?;
        transaction.lock(LOCK).await?;
        if !exchange_in(&mut transaction, rows, wrapped, by).await? {
            return Ok(false);
        }
        transaction.notify(Topic::DataKeys).await?;
        self.0.audit.commit_together(transaction, &[event]).await?;
        Ok(true)
    }
}

/// Wraps, and makes sure that it unwraps to the same key.
pub(super) async fn wrap_and_check(
    next: &dyn KeyWrapper,
    id: &KeyId,
    key: &DataKey,
    random: &Random,
) -> Result<Vec<u8>, VaultError> {
    let wrapped = next.wrap(key, id, random).await?;
    match next.unwrap(&wrapped, id).await?.equals_in_constant_time(key) {
        true => Ok(wrapped),
        false => Err(WrapError::Mismatch { origin: next.origin().to_owned() }.into()),
    }
}

/// Exchanges the wrappings in a transaction that holds the lock of the data keys; `false` when they are not those of `rows`
/// any more.
pub(super) async fn exchange_in(
    transaction: &mut Transaction,
    rows: &[DataKeyRow],
    wrapped: &[Vec<u8>],
    by: &str,
) -> Result<bool, VaultError> {
    if data_keys::all_in(transaction).await?.len() != rows.len() {
        return Ok(false);
    }
    for (row, wrapped) in rows.iter().zip(wrapped) {
        if !data_keys::rewrap(transaction, row, wrapped, by).await? {
            return Ok(false);
        }
    }
    Ok(true)
}
