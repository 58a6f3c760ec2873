//! `keyward audit checkpoint`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use keyward_core::clock::Clock;
use keyward_storage::Database;
use keyward_storage::audit;

use crate::wiring::cabinet::with_cabinet;
use crate::wiring::{self, audit_key, storage};
use crate::{config, output};

/// Checkpoints that are read at once.
const PAGE: i64 = 1_000;

/// Sign where the audit log stands, and print that as a line to be kept elsewhere
///
/// A copy that whoever administers the database cannot change proves that no record before it was changed or removed
/// since: `keyward audit verify --checkpoint FILE --public-key FILE`. `keyward serve` signs every minute by itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print the newest that is there; signs nothing, and needs no root key
    #[arg(long)]
    last: bool,
    /// Print all, the oldest first; signs nothing, and needs no root key
    #[arg(long, conflicts_with = "last")]
    all: bool,
    /// The file to write instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(file: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    if !args.last && !args.all {
        return with_cabinet(file, async |_, cabinet| {
            let signer = audit_key::signer(&cabinet.database, &cabinet.vault, &cabinet.random).await?;
            // That the key was opened belongs to what it signs.
            cabinet.audit.flush().await;
            audit::make_checkpoint(&cabinet.database, &cabinet.random, &signer).await?;
            print(&cabinet.database, args).await
        });
    }
    let loaded = config::load(file)?;
    wiring::runtime()?.block_on(async { print(&storage::open_prepared(&loaded, &Clock::System).await?, args).await })
}

async fn print(database: &Database, args: &Args) -> anyhow::Result<()> {
    let newest = audit::newest_checkpoint(database).await?.context("no checkpoint has been made yet")?;
    let (mut number, mut text) = (if args.all { 0 } else { newest.number - 1 }, String::new());
    loop {
        let page = audit::checkpoints_after(database, number, PAGE).await?;
        let Some(last) = page.last() else { break };
        number = last.number;
        page.iter().for_each(|checkpoint| text += &format!("{checkpoint}\n"));
    }
    output::to_file_or_line(args.out.as_deref(), text.trim_end())
}
