//! The database and the cabinet: what most commands need.

use std::path::Path;

use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_storage::Database;
use keyward_storage::audit::AuditLog;
use keyward_vault::Vault;

use super::{audit, storage, vault};
use crate::config::{self, Loaded};
use crate::{hardening, telemetry};

/// The database and the cabinet, open.
pub(crate) struct Cabinet {
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) database: Database,
    pub(crate) audit: AuditLog,
    pub(crate) vault: Vault,
}

impl Cabinet {
    /// Opens the database, brings it up to date, opens the cabinet; each refuses with what is wrong and what to do.
    pub(crate) async fn open(loaded: &Loaded) -> anyhow::Result<Self> {
        // Before the first secret is in memory, whichever command it is for.
        hardening::forbid_core_dumps();
        let (clock, random) = (Clock::System, Random::system());
        let database = storage::open_and_migrate(loaded, &clock).await?;
        let audit = audit::start(loaded, &database, &random)?;
        let vault = vault::open(loaded, &database, &clock, &random, &audit).await?;
        Ok(Self { clock, random, database, audit, vault })
    }
}

/// Runs a command that needs the cabinet; what it did is in the audit log when it ends.
pub(crate) fn with_cabinet(
    file: Option<&Path>,
    work: impl AsyncFnOnce(&Loaded, &Cabinet) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let loaded = config::load(file)?;
    telemetry::start_quiet()?;
    super::runtime()?.block_on(async {
        let cabinet = Cabinet::open(&loaded).await?;
        let done = work(&loaded, &cabinet).await;
        cabinet.audit.close().await;
        done
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    use super::*;

    #[test]
    fn a_process_that_opens_the_cabinet_leaves_no_core_dump() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("keyward.toml");
        std::fs::write(&file, "[storage]\nurl = \"sqlite:keyward.db\"\n").expect("a configuration");
        let loaded = config::load(Some(&file)).expect("loaded");
        let runtime = crate::wiring::runtime().expect("a runtime");
        runtime.block_on(Cabinet::open(&loaded)).expect("open");
        assert_eq!(dumpable_behavior().expect("known"), DumpableBehavior::NotDumpable);
    }
}
