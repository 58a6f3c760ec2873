//! What is done for tokens while nobody asks: rotation by hooks, reminders, the end of earlier versions. Each once, however
//! many processes share the database.

mod keep;
mod remind;
mod rotate;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use remind::Reminders;
pub use rotate::{RotationError, RotationRule};

use crate::hook::HookRunner;
use crate::vault::Vault;

/// How often it is looked whether something is due.
const EVERY: Duration = Duration::from_secs(30);
/// How long to wait for a lock: one that was just let go of takes a moment to be free; whoever works longer with it does
/// what was to be done.
pub(crate) const BRIEFLY: Duration = Duration::from_secs(1);
/// Every how many looks reminders are given: their times are days.
const REMINDERS_EVERY: u64 = 20;

/// The upkeep of a cabinet.
#[derive(Debug)]
pub struct Upkeep {
    /// The cabinet.
    pub vault: Vault,
    /// What hooks are run with.
    pub runner: HookRunner,
    /// The tokens that rotate by themselves.
    pub rules: Vec<RotationRule>,
    /// When people are reminded.
    pub reminders: Reminders,
}

impl Upkeep {
    /// Looks again and again until `stop`; a look under way is finished. Whoever stops polling before loses what a hook has
    /// given and the store has not taken yet, which is said.
    pub async fn run(self, stop: CancellationToken) {
        let mut look = tokio::time::interval(EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for number in 0_u64.. {
            tokio::select! {
                _ = look.tick() => {}
                () = stop.cancelled() => return,
            }
            self.look(number % REMINDERS_EVERY == 0).await;
        }
    }

    async fn look(&self, with_reminders: bool) {
        for rule in &self.rules {
            match self.vault.rotate_if_due(&self.runner, rule).await {
                Ok(true) => tracing::info!(token = %rule.token, "a token was rotated"),
                Ok(false) => {}
                Err(error) => tracing::error!(
                    token = %rule.token, %error,
                    "a token was not rotated; its current version goes on, and it is tried again later. \
                     To try it now: keyward token rotate --hook"
                ),
            }
        }
        if let Err(error) = self.vault.sweep_once().await {
            tracing::warn!(%error, "earlier versions of tokens were not destroyed; trying again");
        }
        if with_reminders && let Err(error) = self.vault.remind(&self.runner, &self.reminders).await {
            tracing::warn!(%error, "nobody could be reminded of tokens that end; trying again");
        }
    }
}
