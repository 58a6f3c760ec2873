//! What a hook gave is stored, however long that takes within reason: at the service it may be all that is valid.

use std::time::Duration;

use keyward_core::audit::Action;

use super::rotate::RotationError;
use crate::error::VaultError;
use crate::name::TokenName;
use crate::store::NewToken;
use crate::vault::Vault;

/// How long a new value is held on to while the store takes nothing.
const STORING: Duration = Duration::from_secs(5 * 60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Vault {
    /// Stores a hook's value in the place of version `current`; gives its version.
    pub(super) async fn keep(&self, name: &TokenName, new: &NewToken, current: i64) -> Result<i64, RotationError> {
        let mut lost =
            Lost { vault: self, name, why: Some("Keyward was stopped before it could be stored".to_owned()) };
        let (mut pause, mut waited, mut tried) = (FIRST_PAUSE, Duration::ZERO, false);
        let cause = loop {
            let error = match self.rotate(name, new, current).await {
                Ok(version) => {
                    lost.why = None;
                    return Ok(version);
                }
                Err(error) => error,
            };
            if matches!(error, VaultError::Unrecorded) {
                lost.why = None;
                return Err(error.into());
            }
            // An earlier try may have been done, and the word of that lost on its way back.
            if tried
                && matches!(error, VaultError::Conflict { .. })
                && let Some(version) = self.version_with(name, new).await
            {
                lost.why = None;
                return Ok(version);
            }
            if error.is_refusal() || waited >= STORING {
                break error;
            }
            tracing::error!(token = %name, %error, "the new value that the rotation hook gave is not stored yet; trying again");
            tried = true;
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        lost.why = Some(cause.to_string());
        drop(lost);
        Err(RotationError::NotStored { name: name.clone(), cause })
    }

    /// The current version, if it has this value.
    async fn version_with(&self, name: &TokenName, new: &NewToken) -> Option<i64> {
        let current = self.get(name).await.ok()??;
        current.value.equals_in_constant_time(new.value()).then_some(current.version)
    }
}

/// Says it when a value is lost, also when that is since nobody goes on with storing it.
struct Lost<'a> {
    vault: &'a Vault,
    name: &'a TokenName,
    why: Option<String>,
}

impl Drop for Lost<'_> {
    fn drop(&mut self) {
        let Some(why) = self.why.take() else { return };
        tracing::error!(
            token = %self.name, why,
            "THE NEW VALUE THAT THE ROTATION HOOK GAVE IS NOT STORED, AND IS GONE: the service may take nothing else by now. \
             Look there, make a value, and put it in: keyward token set"
        );
        let reason =
            format!("the hook gave a new value, which is not stored; the service may take nothing else by now: {why}");
        self.vault.note(Action::TokenRotate, self.name, Err(reason));
    }
}
