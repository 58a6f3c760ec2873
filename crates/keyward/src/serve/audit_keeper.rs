//! What keeps the audit log provable and bounded beside the calls: signed checkpoints, and the removal of records that are
//! older than the configuration keeps. One process at a time does it.

use std::time::Duration;

use keyward_core::random::Random;
use keyward_storage::Database;
use keyward_storage::audit::{self, Signer};
use keyward_vault::Vault;
use tokio::sync::Mutex;

use crate::wiring::audit_key;

/// How often it is looked whether there is something to do.
const LOOK: Duration = Duration::from_secs(5);
/// A checkpoint is made when the last is older than this and there are new records,
const OLDEST: Duration = Duration::from_secs(60);
/// or when there are so many.
const MOST: i64 = 1_000;
/// How often records are looked for that are too old: every so many looks, an hour.
const PRUNE_EVERY: u64 = 720;
/// How long the last checkpoint may take when Keyward stops.
const LAST: Duration = Duration::from_secs(5);

/// Makes checkpoints, and removes what is too old.
pub(crate) struct AuditKeeper {
    pub(crate) database: Database,
    pub(crate) vault: Vault,
    pub(crate) random: Random,
    /// How long records are kept; for ever when absent.
    pub(crate) keep: Option<Duration>,
    pub(crate) signer: Mutex<Option<Signer>>,
}

impl AuditKeeper {
    /// Does so for as long as it is polled.
    pub(crate) async fn run(&self) {
        let (mut looks, mut failures) = (0_u64, 0_u64);
        loop {
            tokio::time::sleep(LOOK).await;
            let is_time = self.keep.is_some() && looks.is_multiple_of(PRUNE_EVERY);
            looks += 1;
            match self.look(is_time).await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    if failures.is_power_of_two() {
                        let error: &(dyn std::error::Error + 'static) = &*error;
                        tracing::error!(error, "the audit log cannot be signed, or old records not removed");
                    }
                }
            }
        }
    }

    /// Has the key at hand for [`finish`](Self::finish).
    pub(crate) async fn prepare(&self) {
        in_time(self.signer()).await;
    }

    /// The end of the process: what was recorded last is signed, too.
    pub(crate) async fn finish(&self) {
        in_time(self.checkpoint(0)).await;
    }

    async fn look(&self, prunes: bool) -> anyhow::Result<()> {
        let newest = audit::newest_checkpoint(&self.database).await?;
        let is_old = newest.is_none_or(|newest| self.database.clock().now().since(newest.created_at) >= OLDEST);
        self.checkpoint(if is_old { 0 } else { MOST }).await?;
        if let Some(keep) = self.keep.filter(|_| prunes) {
            self.prune(keep).await?;
            tracing::debug!("old audit records were looked for");
        }
        Ok(())
    }

    /// Makes a checkpoint if there are more than `most` records since the last.
    async fn checkpoint(&self, most: i64) -> anyhow::Result<()> {
        let signed = audit::newest_checkpoint(&self.database).await?.map_or(0, |newest| newest.seq);
        if audit::last_record(&self.database).await?.saturating_sub(signed) <= most {
            return Ok(());
        }
        let Some(_held) = self.database.try_lock(audit::KEEPER).await? else { return Ok(()) };
        let signer = self.signer().await?;
        audit::make_checkpoint(&self.database, &self.random, &signer).await?;
        Ok(())
    }

    async fn prune(&self, keep: Duration) -> anyhow::Result<()> {
        let Some(_held) = self.database.try_lock(audit::KEEPER).await? else { return Ok(()) };
        let signer = self.signer().await?;
        // What a process left that was killed on the way.
        audit::remove_pruned(&self.database, &signer).await?;
        let before = self.database.clock().now().minus(keep);
        let Some(old) = audit::prunable(&self.database, before).await? else { return Ok(()) };
        audit::check_prunable(&self.database, &signer, &old, |_| Ok(())).await?;
        audit::prune(&self.database, &self.random, &signer, &old).await?;
        tracing::info!(from = old.from, to = old.to, "audit records were removed that are older than audit.keep");
        Ok(())
    }

    /// The key that signs now: another one where it was changed.
    async fn signer(&self) -> anyhow::Result<Signer> {
        let mut signer = self.signer.lock().await;
        let newest = audit::newest_checkpoint(&self.database).await?;
        if let (Some(signer), Some(newest)) = (&*signer, &newest)
            && newest.key_after() == signer.public_key()
        {
            return Ok(signer.clone());
        }
        let loaded = audit_key::signer(&self.database, &self.vault, &self.random).await?;
        *signer = Some(loaded.clone());
        Ok(loaded)
    }
}

/// What is done at the end if the database lets it.
async fn in_time<T>(work: impl Future<Output = anyhow::Result<T>>) {
    match tokio::time::timeout(LAST, work).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the last audit records are not signed yet"),
        Err(_) => tracing::warn!("the last audit records are not signed yet: the database takes too long"),
    }
}
