//! The way of a call: a credential from the cache, or from the store.

use std::sync::Arc;

use keyward_core::clock::Timestamp;

use super::Vault;
use crate::cache::Slot;
use crate::credential::{Credential, CredentialError, CredentialSpec};
use crate::error::VaultError;

impl Vault {
    /// The credential that `spec` asks for, if it is at hand: no waiting, no audit record, since the call's own record
    /// names the token.
    pub fn try_credential(&self, spec: &CredentialSpec) -> Option<Arc<Credential>> {
        self.0.cache.fresh(spec, self.0.clock.now())
    }

    /// The credential that `spec` asks for. While the store cannot be reached, one that was opened a short while ago
    /// serves.
    pub async fn credential(&self, spec: &CredentialSpec) -> Result<Arc<Credential>, CredentialError> {
        if let Some(credential) = self.try_credential(spec) {
            return Ok(credential);
        }
        let slot = self.0.cache.slot(spec);
        let _one_at_a_time = slot.opening.lock().await;
        let now = self.0.clock.now();
        if let Some(credential) = self.0.cache.fresh(spec, now) {
            return Ok(credential);
        }
        match self.open_credential(spec, &slot, now).await {
            Err(CredentialError::Unavailable { name, cause }) => match self.0.cache.usable(&slot, now) {
                Some(credential) => {
                    tracing::warn!(token = %name, %cause, "a token store is unavailable; the cached token serves");
                    Ok(credential)
                }
                None => Err(CredentialError::Unavailable { name, cause }),
            },
            done => done,
        }
    }

    async fn open_credential(
        &self,
        spec: &CredentialSpec,
        slot: &Slot,
        now: Timestamp,
    ) -> Result<Arc<Credential>, CredentialError> {
        let generation = self.0.cache.generation();
        let name = spec.token();
        let token = match self.get(name).await {
            Ok(Some(token)) => token,
            Ok(None) => return Err(CredentialError::Missing(name.clone())),
            Err(error @ VaultError::CannotOpen { .. }) => return Err(CredentialError::Corrupt(Arc::new(error))),
            Err(error) => {
                return Err(CredentialError::Unavailable { name: name.clone(), cause: Arc::new(error) });
            }
        };
        let credential = Arc::new(Credential::new(spec, &token)?);
        self.0.cache.fill(slot, credential.clone(), now, generation);
        Ok(credential)
    }
}
