//! Rotation by a hook: the hook gives a new value, the store keeps it, and only then does anybody use it.
//!
//! A kill at any point leaves the old version current or the new one, never none: the store changes in one transaction.
//! What a hook had issued just before a kill is lost, and the next run asks for another; what it had issued just before the
//! store went down is held on to.

use std::time::Duration;

use keyward_core::audit::Action;
use keyward_core::clock::Timestamp;
use keyward_storage::token_upkeep::{self, Failures};

use super::BRIEFLY;
use crate::check::{CheckError, TokenCheck};
use crate::error::VaultError;
use crate::hook::{Hook, HookError, HookRunner, InvalidAnswer, NewValue};
use crate::name::TokenName;
use crate::store::{NewToken, TokenEntry};
use crate::vault::Vault;

/// The first pause after a failure; each next one is twice as long, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// How long somebody who asks for a rotation waits for one that is under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a token gets new values by itself.
#[derive(Clone, Debug)]
pub struct RotationRule {
    /// The token, a shared one.
    pub token: TokenName,
    /// The age at which a version is replaced.
    pub every: Option<Duration>,
    /// How long before its end a version is replaced.
    pub before_expiry: Option<Duration>,
    /// How long the version before stays usable.
    pub grace: Duration,
    /// Who gives the new value.
    pub hook: Hook,
    /// Whether the hook is given the current value.
    pub gives_current: bool,
    /// How the new value is tried before it is stored.
    pub check: Option<TokenCheck>,
}

/// Why a token was not rotated. The current version goes on.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// There is nothing to rotate.
    #[error("there is no token {0} to rotate; put one in with `keyward token set`")]
    Missing(TokenName),
    /// Another process is at it.
    #[error("token {0} is being rotated by another process; try again when that is done")]
    Busy(TokenName),
    /// The hook did not do its work.
    #[error("the rotation hook of token {name} failed: {cause}")]
    Hook {
        /// The token.
        name: TokenName,
        /// Why.
        cause: HookError,
    },
    /// The hook said nothing that could be stored.
    #[error("the rotation hook of token {name} gave no new value: {cause}")]
    Answer {
        /// The token.
        name: TokenName,
        /// Why.
        cause: InvalidAnswer,
    },
    /// The hook gave what is there already.
    #[error("the rotation hook of token {0} gave the value that is there already")]
    Unchanged(TokenName),
    /// The service does not take the new value.
    #[error("the new value of token {name} was not stored: {cause}")]
    Check {
        /// The token.
        name: TokenName,
        /// Why.
        cause: CheckError,
    },
    /// The service may have a value by now that nobody knows.
    #[error(
        "the rotation hook of token {name} gave a new value, and it was not stored: {cause}. The service may take nothing else \
         by now: look there, make a value, and put it in with `keyward token set`"
    )]
    NotStored {
        /// The token.
        name: TokenName,
        /// Why.
        cause: VaultError,
    },
    /// The cabinet failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl RotationRule {
    /// Whether a version is to be replaced now.
    fn is_due(&self, entry: &TokenEntry, now: Timestamp) -> bool {
        let by_age = self.every.zip(entry.updated_at).is_some_and(|(every, stored)| now.since(stored) >= every);
        let by_end = self.before_expiry.zip(entry.expires_at).is_some_and(|(before, end)| now.plus(before) >= end);
        by_age || by_end
    }
}

impl Vault {
    /// Asks a token's hook for a new value and stores it; gives the new version.
    pub async fn rotate_by_hook(&self, runner: &HookRunner, rule: &RotationRule) -> Result<i64, RotationError> {
        let lock = self.database().lock(&lock_key(&rule.token), PATIENCE).await.map_err(VaultError::from)?;
        let Some(_one_at_a_time) = lock else { return Err(RotationError::Busy(rule.token.clone())) };
        self.ask_and_store(runner, rule).await
    }

    /// Does the same when it is time, unless another process is at it; whether it was done.
    pub(super) async fn rotate_if_due(&self, runner: &HookRunner, rule: &RotationRule) -> Result<bool, RotationError> {
        let (service, key) = (rule.token.service(), rule.token.key());
        let lock = self.database().lock(&lock_key(&rule.token), BRIEFLY).await.map_err(VaultError::from)?;
        let Some(_one_at_a_time) = lock else { return Ok(false) };
        let Some(entry) = self.entry(&rule.token).await? else { return Ok(false) };
        let now = self.clock().now();
        let failures = token_upkeep::failures(self.database(), service, key).await.map_err(VaultError::from)?;
        if !rule.is_due(&entry, now) || failures.retry_at.is_some_and(|at| now < at) {
            return Ok(false);
        }
        // A database that takes no writes is known before the hook makes a value that it could not take either.
        let ready = token_upkeep::set_failures(self.database(), service, key, failures).await;
        ready.map_err(VaultError::from)?;
        let done = self.ask_and_store(runner, rule).await;
        let next = match &done {
            Ok(_) => Failures::default(),
            Err(_) => {
                let factor = 2_u32.saturating_pow(u32::try_from(failures.count).unwrap_or(u32::MAX));
                let retry_at = Some(self.clock().now().plus(PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)));
                Failures { count: failures.count.saturating_add(1), retry_at }
            }
        };
        if next != failures {
            let noted = token_upkeep::set_failures(self.database(), service, key, next).await;
            if let Err(error) = noted {
                tracing::warn!(token = %rule.token, %error, "it is not noted when this rotation is due again");
            }
        }
        done.map(|_| true)
    }

    async fn ask_and_store(&self, runner: &HookRunner, rule: &RotationRule) -> Result<i64, RotationError> {
        match self.new_value(runner, rule).await {
            Ok((new, current)) => self.keep(&rule.token, &new, current).await,
            Err(error) => {
                self.note(Action::TokenRotate, &rule.token, Err(error.to_string()));
                Err(error)
            }
        }
    }

    async fn new_value(&self, runner: &HookRunner, rule: &RotationRule) -> Result<(NewToken, i64), RotationError> {
        let name = &rule.token;
        let missing = || RotationError::Missing(name.clone());
        let entry = self.entry(name).await?.ok_or_else(missing)?;
        let current = self.get(name).await?.ok_or_else(missing)?;
        let facts = serde_json::json!({ "event": "rotate", "token": name.to_string(), "version": current.version });
        let given = rule.gives_current.then_some(&current.value);
        let answer = runner.run(&rule.hook, &facts.to_string(), given).await;
        let answer = answer.map_err(|cause| RotationError::Hook { name: name.clone(), cause })?;
        let new = NewValue::parse(answer.expose_secret());
        let new = new.map_err(|cause| RotationError::Answer { name: name.clone(), cause })?;
        if new.value.equals_in_constant_time(&current.value) {
            return Err(RotationError::Unchanged(name.clone()));
        }
        let mut token = NewToken::new(new.value)?.labels(entry.labels).grace(rule.grace);
        if let Some(at) = new.expires_at {
            token = token.expires_at(at);
        }
        if let Some(check) = &rule.check {
            let checked = check.run(&runner.client, &token).await;
            checked.map_err(|cause| RotationError::Check { name: name.clone(), cause })?;
        }
        Ok((token, current.version))
    }
}

fn lock_key(name: &TokenName) -> String {
    format!("rotate token {name}")
}
