//! The way of a call: a credential from the cache, or from the store.

use std::sync::Arc;

use keyward_core::clock::Timestamp;
use keyward_storage::users;

use super::Vault;
use crate::cache::Slot;
use crate::credential::{Credential, CredentialError, CredentialSpec};
use crate::error::VaultError;
use crate::name::TokenName;

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
        if self.0.cache.is_nothing(&slot, now) {
            return Err(CredentialError::Missing(spec.token().clone()));
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

    /// The credential that `spec` asks for, of the newest version before the current one, while its grace lasts; for a call
    /// that upstream refused with the current one. It is opened anew for each, and leaves its record.
    pub async fn earlier_credential(&self, spec: &CredentialSpec) -> Result<Option<Credential>, CredentialError> {
        match self.earlier(spec.token()).await {
            Ok(token) => token.map(|token| Credential::new(spec, &token)).transpose(),
            Err(error) => Err(unusable(spec.token(), error)),
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
        if !self.may_own(name).await.map_err(|error| unusable(name, error))? {
            return Err(CredentialError::Missing(name.clone()));
        }
        let token = match self.get(name).await {
            Ok(Some(token)) => token,
            Ok(None) => {
                if name.owner().is_some() {
                    self.0.cache.fill_nothing(slot, now, generation);
                }
                return Err(CredentialError::Missing(name.clone()));
            }
            Err(error) => return Err(unusable(name, error)),
        };
        let earlier_until = self.earlier_until(name).await;
        let credential = Arc::new(Credential::new(spec, &token)?.with_earlier_until(earlier_until));
        self.0.cache.fill(slot, credential.clone(), now, generation);
        Ok(credential)
    }

    /// Until when an earlier version may be tried. A store that cannot say it now does not keep the current one from a call.
    async fn earlier_until(&self, name: &TokenName) -> Option<Timestamp> {
        match self.versions(name).await {
            Ok(versions) => versions.iter().filter_map(|entry| entry.usable_until).max(),
            Err(error) => {
                tracing::debug!(token = %name, %error, "the versions of a token cannot be read");
                None
            }
        }
    }

    /// Whether a token may serve whoever it belongs to: their account is there and open.
    async fn may_own(&self, name: &TokenName) -> Result<bool, VaultError> {
        let Some(owner) = name.owner() else { return Ok(true) };
        let account = users::by_id(self.0.own.database(), owner).await?;
        Ok(account.is_some_and(|account| account.disabled_at.is_none()))
    }
}

fn unusable(name: &TokenName, error: VaultError) -> CredentialError {
    match error {
        error @ VaultError::CannotOpen { .. } => CredentialError::Corrupt(Arc::new(error)),
        error => CredentialError::Unavailable { name: name.clone(), cause: Arc::new(error) },
    }
}
