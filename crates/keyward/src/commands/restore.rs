//! `keyward restore`: a database from a backup.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::Clock;
use keyward_storage::backup::{self, Summary};
use keyward_storage::{NEWEST, audit, settle_file};

use crate::config::{self, Loaded, StorageUrl, Text};
use crate::exit::Usage;
use crate::input::confirm;
use crate::output::Format;
use crate::private_file::sync_folder;
use crate::progress::Progress;
use crate::wiring::cabinet::Cabinet;
use crate::wiring::{self, storage};
use crate::{output, telemetry};

use super::backup::{say, verify};

/// Make a database from such a copy, of either kind
///
/// It is the database of [storage], and must be empty. The backup is checked first, loaded in one transaction, and brought up to date; whatever
/// goes wrong on the way leaves the database as it was. Then the root key must open what came, and the audit log must be
/// whole.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The backup; `-` is standard input
    file: PathBuf,
    /// Take the place of an SQLite database that is there; that one is kept beside it, under another name
    #[arg(long)]
    replace: bool,
    /// Do not ask
    #[arg(long, requires = "replace")]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(file: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    let loaded = config::load(file)?;
    telemetry::start_quiet()?;
    if args.file.as_os_str() != "-" {
        verify(&args.file)?;
    }
    if !args.replace {
        let summary = restore(&loaded, &args.file)?;
        return say("Restored", &summary, args.format);
    }
    let Some(path) = storage::url_of(&loaded)?.strip_prefix("sqlite:").map(PathBuf::from) else {
        let way = "--replace is for SQLite; on PostgreSQL make an empty database and name it in storage.url";
        return Err(Usage(way.to_owned()).into());
    };
    if !path.exists() {
        let summary = restore(&loaded, &args.file)?;
        return say("Restored", &summary, args.format);
    }
    if !args.yes && !confirm(&format!("Put the backup in the place of {}?", path.display()))? {
        bail!("{} is left alone; say --yes where nobody can be asked", path.display());
    }
    let summary = replace(&loaded, &path, &args.file)?;
    say("Restored", &summary, args.format)
}

/// Makes the database beside the one that is there, and exchanges them when all is well with it.
fn replace(loaded: &Loaded, path: &Path, file: &Path) -> anyhow::Result<Summary> {
    let named = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    settle_file(path).with_context(|| format!("{} is in use: stop `keyward serve` first", path.display()))?;
    let fresh = named(".restoring");
    remove(&fresh)?;
    let mut config = loaded.config.clone();
    config.storage.url = Text::of(StorageUrl::Sqlite(std::path::absolute(&fresh)?.display().to_string()));
    let summary = restore(&Loaded { config, file: loaded.file.clone() }, file);
    let Ok(summary) = summary else {
        remove(&fresh)?;
        return summary;
    };
    settle_file(&fresh)?;
    let time = output::time(Some(Clock::System.now())).replace([':', '-'], "");
    let kept = named(&format!(".replaced-{time}"));
    // A second name, so that there is a database under the first at every moment; where files have one name only, not so.
    fs::hard_link(path, &kept)
        .or_else(|_| fs::rename(path, &kept))
        .with_context(|| format!("cannot move {} aside", path.display()))?;
    fs::rename(&fresh, path).with_context(|| format!("the database that was there is {}", kept.display()))?;
    sync_folder(path)?;
    eprintln!("The database that was there is now {}", kept.display());
    Ok(summary)
}

/// Removes what an earlier try left, with the files that SQLite puts beside it.
fn remove(database: &Path) -> anyhow::Result<()> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut name = database.as_os_str().to_owned();
        name.push(end);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", Path::new(&name).display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Loads the backup, and looks whether what came can be used. All connections are closed when this returns.
fn restore(loaded: &Loaded, file: &Path) -> anyhow::Result<Summary> {
    wiring::runtime()?.block_on(async {
        let database = storage::open(loaded, &Clock::System).await?;
        let input: Box<dyn BufRead> = if file.as_os_str() == "-" {
            Box::new(BufReader::new(io::stdin()))
        } else {
            let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
            Box::new(BufReader::with_capacity(1 << 16, opened))
        };
        let mut progress = Progress::of("rows");
        let restored = backup::restore(&database, input, |rows| progress.set(rows)).await;
        drop((progress, database));
        let summary = restored.with_context(|| file.display().to_string())?;
        check(loaded, &summary).await?;
        Ok(summary)
    })
}

async fn check(loaded: &Loaded, summary: &Summary) -> anyhow::Result<()> {
    let cabinet = Cabinet::open(loaded).await.context("the backup is restored, and its keys cannot be opened")?;
    let report = audit::verify(&cabinet.database).await?;
    if let Some(bad) = report.first_bad {
        bail!("the backup is restored, and its audit log is not whole: record {}: {}", bad.seq, bad.fault);
    }
    let mut event = AuditEvent::new(cabinet.clock.now(), Action::BackupRestore, AuditResult::Ok);
    let detail = serde_json::json!({ "of": summary.created_at, "sha256": summary.sha256 });
    event.detail = Some(detail.to_string());
    cabinet.audit.record_durably(event).await?;
    if summary.schema < NEWEST {
        cabinet.audit.record_durably(storage::migrated(cabinet.clock.now(), summary.schema, NEWEST)).await?;
    }
    cabinet.audit.flush().await;
    Ok(())
}
