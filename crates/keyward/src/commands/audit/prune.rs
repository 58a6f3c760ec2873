//! `keyward audit prune`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use keyward_storage::audit::{self, Signer};

use super::moment::Moment;
use crate::input::confirm;
use crate::output;
use crate::private_file::PrivateFile;
use crate::progress::Progress;
use crate::wiring::audit_key;
use crate::wiring::cabinet::{Cabinet, with_cabinet};

/// How long to wait for a process that makes a checkpoint now.
const PATIENCE: Duration = Duration::from_secs(30);

/// Remove the oldest records of the audit log
///
/// Records go only up to a signed checkpoint, and a new one says which are gone, so that the rest stays provable. What does
/// not verify is not removed. With `audit.keep` in the configuration `keyward serve` does so by itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Remove what is older than this: 2026-01-31, or with a time as in 2026-01-31T08:00:00Z
    #[arg(long, value_name = "DATE")]
    before: Moment,
    /// Write what is removed to this new file first, in JSON Lines, for its owner alone
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(file: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    with_cabinet(file, async |_, cabinet| {
        let (database, before) = (&cabinet.database, args.before.0);
        if let Some(taken) = args.export.as_deref().filter(|path| path.symlink_metadata().is_ok()) {
            bail!("{} is there already: what is removed goes into a new file", taken.display());
        }
        // Asked before anything is held: whoever has to think about it keeps no server from signing meanwhile.
        let asked = audit::prunable(database, before).await?;
        if let Some(old) = &asked {
            let what = format!("{} records, {} to {}", old.count(), old.from, old.to);
            if !args.yes && !confirm(&format!("Remove {what}?"))? {
                bail!("the audit log is left alone; say --yes where nobody can be asked ({what})");
            }
        }
        let held = database.lock(audit::KEEPER, PATIENCE).await?;
        let Some(_held) = held else { bail!("another process makes checkpoints of the audit log now: try again") };
        let has_pruned = audit::newest_checkpoint(database).await?.is_some_and(|newest| newest.start_seq > 0);
        if asked.is_none() && !has_pruned {
            return nothing();
        }
        let signer = audit_key::signer(database, &cabinet.vault, &cabinet.random).await?;
        // What a process left that was killed on the way.
        audit::remove_pruned(database, &signer).await?;
        let Some(old) = asked else { return nothing() };
        // More may have become old since, and stays: what goes is what was asked about. Less must not be counted as more.
        if audit::prunable(database, before).await?.is_none_or(|now| now.from != old.from) {
            bail!("another process has removed records meanwhile: nothing more is removed, try again");
        }
        check_and_export(cabinet, &signer, &old, args).await?;
        let anchor = audit::prune(database, &cabinet.random, &signer, &old).await?;
        let (count, from, to) = (old.count(), old.from, old.to);
        Ok(output::line(&format!("{count} records are removed, {from} to {to}; checkpoint {} says so", anchor.number))?)
    })
}

fn nothing() -> anyhow::Result<()> {
    Ok(output::line("No record is older, or no checkpoint covers one that is.")?)
}

async fn check_and_export(
    cabinet: &Cabinet,
    signer: &Signer,
    old: &audit::Prunable,
    args: &Args,
) -> anyhow::Result<()> {
    let (mut progress, mut count) = (Progress::of("records"), 0);
    let mut out = match &args.export {
        Some(path) => Some(PrivateFile::create(path).with_context(|| format!("cannot write {}", path.display()))?),
        None => None,
    };
    audit::check_prunable(&cabinet.database, signer, old, |record| {
        count += 1;
        progress.set(count);
        out.as_mut().map_or(Ok(()), |out| record.write_json(out))
    })
    .await?;
    // What an earlier call has removed may be nowhere else than in that file.
    out.map_or(Ok(()), PrivateFile::finish_new).context("the file of --export must be a new one")
}
