//! The way of a call: a credential from the cache, or from the store.

use std::sync::Arc;
use std::time::Duration;

use keyward_core::clock::Timestamp;
use keyward_storage::users;

use super::Vault;
use crate::cache::Slot;
use crate::credential::{Credential, CredentialError, CredentialSpec};
use crate::error::VaultError;
use crate::name::TokenName;

/// How long a call that could do with the cached credential waits for the store. A store that takes longer is asked to the
/// end, and the calls after this one do not wait.
const PATIENCE: Duration = Duration::from_millis(500);

impl Vault {
    /// The credential that `spec` asks for, if it is at hand: no waiting, no audit record, since the call's own record
    /// names the token.
    pub fn try_credential(&self, spec: &CredentialSpec) -> Option<Arc<Credential>> {
        self.0.cache.at_hand(spec, self.0.clock.now())
    }

    /// The credential that `spec` asks for. While the store cannot be reached or does not answer, one that was opened a
    /// short while ago serves.
    pub async fn credential(&self, spec: &CredentialSpec) -> Result<Arc<Credential>, CredentialError> {
        if let Some(credential) = self.try_credential(spec) {
            return Ok(credential);
        }
        let slot = self.0.cache.slot(spec);
        let now = self.0.clock.now();
        let Some(usable) = self.0.cache.usable(&slot, now) else {
            return self.renewed(spec, &slot).await;
        };
        // A task of its own, so that it comes to its end when this call waits no longer.
        let (vault, of, its_slot) = (self.clone(), spec.clone(), slot.clone());
        let renewing = tokio::spawn(async move { vault.renewed(&of, &its_slot).await });
        match tokio::time::timeout(PATIENCE, renewing).await {
            Ok(Ok(Err(CredentialError::Unavailable { .. }))) => Ok(usable),
            Ok(Ok(done)) => done,
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(token = %spec.token(), "a token store keeps calls waiting; the cached token serves");
                slot.fail(now, None);
                Ok(usable)
            }
        }
    }

    /// The credential, opened anew. Of many calls at once one asks the store, and all hear how it ended.
    async fn renewed(&self, spec: &CredentialSpec, slot: &Slot) -> Result<Arc<Credential>, CredentialError> {
        let _one_at_a_time = slot.opening.lock().await;
        let now = self.0.clock.now();
        if let Some(credential) = self.0.cache.fresh(spec, now) {
            return Ok(credential);
        }
        if self.0.cache.is_nothing(slot, now) {
            return Err(CredentialError::Missing(spec.token().clone()));
        }
        if let Some(error) = slot.failure(now) {
            return Err(error);
        }
        let opened = self.open_credential(spec, slot, now).await;
        if let Err(error @ CredentialError::Unavailable { .. }) = &opened {
            tracing::warn!(%error, "a token store is unavailable");
            slot.fail(self.0.clock.now(), Some(error.clone()));
        }
        opened
    }

    /// Another credential for a call that upstream refused with `refused`: of the version that is in its place in the store,
    /// as another process may have put there, or of the newest before it while its grace lasts. `None` when there is none.
    pub async fn after_refusal(
        &self,
        spec: &CredentialSpec,
        refused: &Credential,
    ) -> Result<Option<Arc<Credential>>, CredentialError> {
        if let Some(current) = self.superseding(spec, refused.version()).await {
            return Ok(Some(current));
        }
        match refused.earlier_until() {
            Some(until) if self.0.clock.now() < until => Ok(self.earlier_credential(spec).await?.map(Arc::new)),
            _ => Ok(None),
        }
    }

    /// What the store has in the place of this version. A store that fails or takes long is no help to a call that failed.
    async fn superseding(&self, spec: &CredentialSpec, refused: i64) -> Option<Arc<Credential>> {
        let (slot, now) = (self.0.cache.slot(spec), self.0.clock.now());
        if let Some(current) = self.other_at_hand(&slot, refused) {
            return Some(current);
        }
        // Of calls that are refused at the same moment one asks, and the others wait for what it finds.
        let asks = slot.doubt(now);
        if !asks && slot.opening.try_lock().is_ok() {
            return None;
        }
        let finding = async {
            if asks {
                // A task of its own, so that what a slow store says late is there for the calls after this one.
                let (vault, of, its_slot) = (self.clone(), spec.clone(), slot.clone());
                let asking = tokio::spawn(async move { vault.asked_anew(&of, &its_slot, refused).await });
                asking.await.ok().flatten()
            } else {
                let _one_at_a_time = slot.opening.lock().await;
                self.other_at_hand(&slot, refused)
            }
        };
        match tokio::time::timeout(PATIENCE, finding).await {
            Ok(current) => current,
            Err(_) => {
                slot.fail(now, None);
                None
            }
        }
    }

    /// What the store says now, if that is another version than the refused one.
    async fn asked_anew(&self, spec: &CredentialSpec, slot: &Slot, refused: i64) -> Option<Arc<Credential>> {
        let _one_at_a_time = slot.opening.lock().await;
        if let Some(current) = self.other_at_hand(slot, refused) {
            return Some(current);
        }
        match self.open_credential(spec, slot, self.0.clock.now()).await {
            Ok(current) if current.version() == refused => {
                slot.confirm();
                None
            }
            Ok(current) => Some(current),
            Err(error) => {
                tracing::debug!(token = %spec.token(), %error, "nothing in the place of what upstream refused");
                None
            }
        }
    }

    fn other_at_hand(&self, slot: &Slot, refused: i64) -> Option<Arc<Credential>> {
        let usable = self.0.cache.usable(slot, self.0.clock.now());
        usable.filter(|credential| credential.version() != refused)
    }

    /// The credential that `spec` asks for, of the newest version before the current one, while its grace lasts. It is opened
    /// anew for each, and leaves its record.
    pub(super) async fn earlier_credential(
        &self,
        spec: &CredentialSpec,
    ) -> Result<Option<Credential>, CredentialError> {
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
    match error.is_corrupt() {
        true => CredentialError::Corrupt(Arc::new(error)),
        false => CredentialError::Unavailable { name: name.clone(), cause: Arc::new(error) },
    }
}
