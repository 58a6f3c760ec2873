//! The database and the cabinet: what most commands need.

use std::path::Path;

use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_storage::Database;
use keyward_storage::audit::AuditLog;
use keyward_vault::Vault;

use super::{audit, storage, vault};
use crate::config::{self, Loaded};
use crate::telemetry;

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
        let (clock, random) = (Clock::System, Random::system());
        let database = storage::open_and_migrate(loaded, &clock).await?;
        let audit = audit::start(&database, &random);
        let vault = vault::open(loaded, &database, &clock, &random, &audit).await?;
        Ok(Self { clock, random, database, audit, vault })
    }
}

/// Runs a command that needs the cabinet; what it did is in the audit log when it ends.
pub(crate) fn with_cabinet(
    file: Option<&Path>,
    work: impl AsyncFnOnce(&Cabinet) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let loaded = config::load(file)?;
    telemetry::start_quiet()?;
    super::runtime()?.block_on(async {
        let cabinet = Cabinet::open(&loaded).await?;
        let done = work(&cabinet).await;
        cabinet.audit.flush().await;
        done
    })
}
