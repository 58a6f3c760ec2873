//! `keyward backup`: the whole database in one file.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_storage::backup::{self, BackupError, Summary};
use keyward_storage::{Database, NEWEST};

use crate::config::{self, Loaded};
use crate::exit::Usage;
use crate::output::{self, Format};
use crate::private_file::PrivateFile;
use crate::progress::Progress;
use crate::telemetry;
use crate::wiring::{self, audit, storage};

/// Copy the whole database into one file, while it is served
///
/// The copy is of one moment. Calls go on meanwhile, and so do writes. The file is the same for SQLite and PostgreSQL: `keyward restore` makes a
/// database of either kind from it. Service tokens stay sealed in it, and the root key is not: keep a copy of that apart
/// from the backups. It is yet as private as the database: it has e-mail addresses and the audit log.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    group = clap::ArgGroup::new("what").args(["to", "unfreeze"]).required(true)
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The file to write, for its owner alone; `-` is standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "to")]
    overwrite: bool,
    /// Refuse all writes to the database from this backup on, since it moves elsewhere; reading goes on
    #[arg(long, requires = "to")]
    freeze: bool,
    /// Take writes again, since the database has not moved after all
    #[arg(long)]
    unfreeze: bool,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check that a backup is complete and as it was written; needs neither database nor key
    Verify {
        /// The backup; `-` is standard input
        file: PathBuf,
        #[command(flatten)]
        format: Format,
    },
}

pub(crate) fn run(file: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    match (&args.command, &args.to) {
        (Some(Command::Verify { file, format }), _) => {
            let summary = verify(file)?;
            say(&format!("{} is whole", file.display()), &summary, *format)
        }
        (None, Some(to)) => take(file, to, args),
        (None, None) => unfreeze(file),
    }
}

fn take(file: Option<&Path>, to: &Path, args: &Args) -> anyhow::Result<()> {
    let to_standard_output = to.as_os_str() == "-";
    if to_standard_output && io::stdout().is_terminal() {
        return Err(Usage("standard output is a terminal: name a file, or pass the backup on".to_owned()).into());
    }
    // Early, for whoever would wait for nothing; what comes there later is found at the end.
    if !args.overwrite && !to_standard_output && to.symlink_metadata().is_ok() {
        return Err(taken(to));
    }
    let loaded = config::load(file)?;
    telemetry::start_quiet()?;
    wiring::runtime()?.block_on(async {
        let database = storage::open(&loaded, &Clock::System).await?;
        let was_frozen = database.is_frozen().await?;
        let done = copy(&loaded, &database, to, args).await;
        if done.is_err() && args.freeze && !was_frozen {
            database.unfreeze().await.context("the database is frozen, and there is no backup of it")?;
        }
        done
    })
}

async fn copy(loaded: &Loaded, database: &Database, to: &Path, args: &Args) -> anyhow::Result<()> {
    if to.as_os_str() == "-" {
        let summary = write(loaded, database, BufWriter::new(io::stdout().lock()), args.freeze).await?;
        eprintln!("{}", told("The backup", &summary));
        return Ok(());
    }
    let cannot = || format!("cannot write {}", to.display());
    let mut out = PrivateFile::create(to).with_context(cannot)?;
    let summary = write(loaded, database, &mut out, args.freeze).await.with_context(cannot)?;
    if args.overwrite {
        out.finish().with_context(cannot)?;
    } else if let Err(error) = out.finish_new() {
        let is_taken = error.kind() == io::ErrorKind::AlreadyExists;
        return if is_taken { Err(taken(to)) } else { Err(error).with_context(cannot) };
    }
    say(&to.display().to_string(), &summary, args.format)
}

/// Refused where something is at `to` that is not to be replaced.
fn taken(to: &Path) -> anyhow::Error {
    anyhow::anyhow!("{} is there already; say --overwrite to replace it", to.display())
}

/// Records that a copy is made, before it is; then makes it.
async fn write(loaded: &Loaded, database: &Database, out: impl io::Write, freeze: bool) -> anyhow::Result<Summary> {
    record(loaded, database, freeze).await?;
    if freeze {
        database.freeze().await?;
    }
    let mut progress = Progress::of("rows");
    backup::create(database, out, |rows| progress.set(rows)).await.map_err(not_silently)
}

async fn record(loaded: &Loaded, database: &Database, freeze: bool) -> anyhow::Result<()> {
    // A database that has moved, or that waits for this Keyward to bring it up to date, is copied as it is.
    if database.is_frozen().await? || database.schema_version().await? != NEWEST {
        tracing::warn!("the database takes no audit record now: this backup will not be in the audit log");
        return Ok(());
    }
    let log = audit::start(loaded, database, &Random::system())?;
    let mut event = AuditEvent::new(database.clock().now(), Action::BackupCreate, AuditResult::Ok);
    event.detail = freeze.then(|| serde_json::json!({ "freeze": true }).to_string());
    log.record_durably(event).await.context("no copy leaves the database without a record of it")
}

fn unfreeze(file: Option<&Path>) -> anyhow::Result<()> {
    let loaded = config::load(file)?;
    wiring::runtime()?.block_on(async {
        storage::open(&loaded, &Clock::System).await?.unfreeze().await?;
        Ok(output::line("The database takes writes again.")?)
    })
}

/// Reads a whole backup.
pub(super) fn verify(file: &Path) -> anyhow::Result<Summary> {
    let input: Box<dyn io::Read> = if file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).with_context(|| format!("cannot read {}", file.display()))?)
    };
    let counted = Counted { input, seen: 0, progress: Progress::of("bytes") };
    backup::verify(BufReader::with_capacity(1 << 16, counted)).with_context(|| file.display().to_string())
}

struct Counted {
    input: Box<dyn io::Read>,
    seen: u64,
    progress: Progress,
}

impl io::Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.seen += length as u64;
        self.progress.set(self.seen);
        Ok(length)
    }
}

/// Says what a backup holds.
pub(super) fn say(what: &str, summary: &Summary, format: Format) -> anyhow::Result<()> {
    let said = if format.json { output::json(summary) } else { output::line(&told(what, summary)) };
    Ok(said?)
}

fn told(what: &str, summary: &Summary) -> String {
    format!(
        "{what}: {} rows in {} tables, schema version {}, of {}\nsha256 {}",
        summary.total(),
        summary.rows.len(),
        summary.schema,
        output::time(Some(summary.created_at)),
        summary.sha256,
    )
}

/// Elsewhere a reader that went away has seen enough; a backup that was not read to its end is none.
fn not_silently(error: BackupError) -> anyhow::Error {
    match error {
        BackupError::Io(io) if io.kind() == io::ErrorKind::BrokenPipe => {
            anyhow::anyhow!("whoever read the backup went away before its end")
        }
        error => error.into(),
    }
}
