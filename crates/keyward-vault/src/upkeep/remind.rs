//! Reminders that a token ends soon.

use std::time::Duration;

use keyward_core::audit::Action;
use keyward_core::clock::Timestamp;
use keyward_storage::{token_upkeep, users};

use super::BRIEFLY;
use crate::error::VaultError;
use crate::hook::{Hook, HookRunner};
use crate::name::TokenName;
use crate::vault::Vault;

/// When people are reminded, and how besides the log.
#[derive(Clone, Debug, Default)]
pub struct Reminders {
    /// How long before the end of a token; each once for each end.
    pub before: Vec<Duration>,
    /// Who is told.
    pub hook: Option<Hook>,
}

impl Reminders {
    /// The latest reminder that is due for what ends at `end`; that it has ended is one more.
    fn due(&self, end: Timestamp, now: Timestamp) -> Option<Duration> {
        let passed = |before: &Duration| now.plus(*before) >= end;
        self.before.iter().copied().chain([Duration::ZERO]).filter(passed).min()
    }
}

impl Vault {
    /// Gives the reminders that are due; how many. One that is cut short is given again rather than never.
    pub(super) async fn remind(&self, runner: &HookRunner, reminders: &Reminders) -> Result<u64, VaultError> {
        let Some(longest) = reminders.before.iter().max() else { return Ok(0) };
        let Some(_one_at_a_time) = self.database().lock("remind of tokens", BRIEFLY).await? else { return Ok(0) };
        let now = self.clock().now();
        let mut given = 0;
        for (name, end) in self.expiring(now.plus(*longest)).await? {
            let Some(due) = reminders.due(end, now) else { continue };
            let owner = name.owner().map(|owner| owner.to_string()).unwrap_or_default();
            let before_s = i64::try_from(due.as_secs()).unwrap_or(i64::MAX);
            let (service, key) = (name.service(), name.key());
            let last = token_upkeep::reminded(self.database(), service, key, &owner, end).await?;
            if last.is_some_and(|last| last <= before_s) {
                continue;
            }
            self.tell(runner, reminders, &name, end, now).await?;
            token_upkeep::set_reminded(self.database(), service, key, &owner, end, before_s).await?;
            given += 1;
        }
        Ok(given)
    }

    async fn tell(
        &self,
        runner: &HookRunner,
        reminders: &Reminders,
        name: &TokenName,
        end: Timestamp,
        now: Timestamp,
    ) -> Result<(), VaultError> {
        let account = match name.owner() {
            Some(owner) => users::by_id(self.database(), owner).await?,
            None => None,
        };
        let (email, left_s) = (account.map(|account| account.email), end.since(now).as_secs());
        let what = if left_s == 0 { "a token has ended" } else { "a token ends soon" };
        tracing::warn!(
            token = %name, owner = email, expires_at = %end, left_s,
            "{what}; put a new value in: keyward token rotate"
        );
        let end = end.to_string();
        let mut told = serde_json::Map::new();
        told.insert("expires_at".to_owned(), end.clone().into());
        self.note(Action::TokenRemind, name, Ok(told));
        let facts = serde_json::json!({
            "event": "expiry", "token": name.to_string(), "owner": email, "expires_at": end, "left_s": left_s,
        });
        if let Some(hook) = &reminders.hook
            && let Err(cause) = runner.run(hook, &facts.to_string(), None).await
        {
            tracing::error!(token = %name, %cause, "the hook for reminders failed, and only this log tells of the token");
        }
        Ok(())
    }
}
