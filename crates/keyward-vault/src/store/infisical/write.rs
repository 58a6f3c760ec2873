//! Writing a token: one process at a time, compared before, read back after.

use std::time::Duration;

use keyward_core::secret::Secret;
use keyward_storage::{Lock, Topic};

use super::facts::{Earlier, Facts};
use super::{InfisicalStore, folder, value};
use crate::error::VaultError;
use crate::infisical::answer::SecretAnswer;
use crate::infisical::{InfisicalError, Made, NewSecret};
use crate::name::TokenName;
use crate::store::{Expected, NewToken};

/// How long a writer waits for another of the same token.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a write is begun anew because somebody outside made or deleted the secret in between.
const ROUNDS: usize = 4;

impl InfisicalStore {
    pub(super) async fn write(
        &self,
        name: &TokenName,
        token: &NewToken,
        expected: Expected,
    ) -> Result<i64, VaultError> {
        let lock = self.lock(name).await?;
        for _ in 0..ROUNDS {
            let current = self.find(name, false).await?;
            let found = current.as_ref().map(|secret| secret.version);
            if !expected.allows(found) {
                return Err(VaultError::Conflict { name: name.clone(), expected, found });
            }
            let written = self.write_after(name, token, current.as_ref()).await?;
            if let Some(version) = written {
                // A lock that was lost with its connection kept nobody away.
                let undisturbed = lock.is_held() && found.is_none_or(|found| version == found + 1);
                if !undisturbed && matches!(expected, Expected::Version(_)) {
                    return Err(InfisicalError::Raced { name: name.clone(), ours: version }.into());
                }
                self.announce().await?;
                return Ok(version);
            }
        }
        let found = self.find(name, false).await?.map(|secret| secret.version);
        Err(VaultError::Conflict { name: name.clone(), expected, found })
    }

    pub(super) async fn remove(&self, name: &TokenName) -> Result<bool, VaultError> {
        let _lock = self.lock(name).await?;
        let deleted = self.api.delete(&self.folder(name), name.key()).await?;
        match deleted {
            true => self.announce().await?,
            false => self.check_environment().await?,
        }
        Ok(deleted)
    }

    /// Writes what follows `current`; its version, or `None` when the secret is there against expectation, or is not.
    async fn write_after(
        &self,
        name: &TokenName,
        token: &NewToken,
        current: Option<&SecretAnswer>,
    ) -> Result<Option<i64>, VaultError> {
        let seal = self.api.config().seal;
        let (text, sealed_with) = value::to_text(&self.ring, name, token.value(), seal).await?;
        let before = current.map(|secret| Facts::read(&secret.secret_metadata));
        let earlier = current.filter(|_| !token.grace.is_zero()).map(|secret| Earlier {
            version: secret.version,
            usable_until: self.clock.now().plus(token.grace),
            expires_at: before.as_ref().and_then(|facts| facts.expires_at),
        });
        let facts = Facts { expires_at: token.expires_at, sealed_with, labels: token.labels.clone(), earlier };
        let others = current.map(|secret| secret.secret_metadata.as_slice()).unwrap_or_default();
        let metadata = facts.write(others)?;
        let new = NewSecret { value: text.expose_text().unwrap_or_default(), metadata: &metadata, is_sealed: seal };
        let version = match current {
            Some(_) => self.api.update(&self.folder(name), name.key(), &new).await?,
            None => self.create(name, &new).await?,
        };
        if let Some(version) = version {
            self.check(name, &text, version).await?;
        }
        Ok(version)
    }

    async fn create(&self, name: &TokenName, new: &NewSecret<'_>) -> Result<Option<i64>, VaultError> {
        let path = self.folder(name);
        let mut made = self.api.create(&path, name.key(), new).await?;
        if made == Made::NoFolder {
            let (above, own) = folder::of(&self.api.config().path, name);
            self.api.make_folder(&above, &own).await?;
            made = self.api.create(&path, name.key(), new).await?;
        }
        match made {
            Made::Version(version) => Ok(Some(version)),
            Made::NoFolder => Err(InfisicalError::NoEnvironment.into()),
            Made::Refused(reason) => match self.find(name, false).await? {
                Some(_) => Ok(None),
                None => Err(InfisicalError::Refused(reason).into()),
            },
        }
    }

    /// What was written is what is there, unless a newer version is.
    async fn check(&self, name: &TokenName, text: &Secret, version: i64) -> Result<(), VaultError> {
        let Some(read) = self.find(name, true).await? else {
            return Err(InfisicalError::ReadBack(name.clone()).into());
        };
        let same = read.secret_value.equals_in_constant_time(text);
        // Whoever may write and not read cannot check.
        if same || read.version > version || read.secret_value_hidden {
            return Ok(());
        }
        Err(InfisicalError::ReadBack(name.clone()).into())
    }

    /// One writer of a token at a time, among all processes on the database.
    async fn lock(&self, name: &TokenName) -> Result<Lock, VaultError> {
        let owner = name.owner().map(|owner| owner.to_string()).unwrap_or_default();
        let lock = self.db.lock(&format!("infisical {name} {owner}"), PATIENCE).await?;
        Ok(lock.ok_or_else(|| InfisicalError::Busy(name.clone()))?)
    }

    /// Tells the other processes that their cached tokens are out of date.
    async fn announce(&self) -> Result<(), VaultError> {
        let mut transaction = self.db.begin("announce a token kept elsewhere").await?;
        transaction.notify(Topic::Tokens).await?;
        Ok(transaction.commit().await?)
    }
}
