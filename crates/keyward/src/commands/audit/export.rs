//! `keyward audit export`.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_storage::Database;
use keyward_storage::audit::{self, AuditFilter, AuditRecord};

use super::moment::Moment;
use crate::config::{self, AuditMode};
use crate::private_file::PrivateFile;
use crate::progress::Progress;
use crate::wiring::{self, storage};

/// Write records out, the oldest first, to be kept or read elsewhere
///
/// JSON Lines hold the hashes as they are, so that `keyward audit verify --file` can check them without the database; for
/// that leave no record out in between, so filter by time alone. CSV (RFC 4180) is for looking: a cell that a program for
/// tables would take for a formula, since it begins with =, +, -, @, a tab or a line's end, gets a ' in front.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The form
    #[arg(long, value_enum, default_value_t = Form::Jsonl)]
    format: Form,
    /// Only from this moment on: 2026-01-31, or with a time as in 2026-01-31T08:00:00Z
    #[arg(long, value_name = "DATE")]
    since: Option<Moment>,
    /// Only before this moment
    #[arg(long, value_name = "DATE")]
    until: Option<Moment>,
    /// Only this action, such as call, token.open, login
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only this server or service
    #[arg(long, value_name = "ID")]
    service: Option<String>,
    /// Only this person
    #[arg(long, value_name = "EMAIL")]
    user: Option<String>,
    /// The file to write, for its owner alone, instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// A JSON object a line
    Jsonl,
    /// Comma-separated values
    Csv,
}

pub(super) fn run(file: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    let loaded = config::load(file)?;
    let required = loaded.config.audit.mode == AuditMode::FailClosed;
    wiring::runtime()?.block_on(async {
        let database = storage::open_prepared(&loaded, &Clock::System).await?;
        if let Err(error) = record(&database, args).await {
            anyhow::ensure!(!required, "no record leaves the database without a record of it: {error}");
            eprintln!("keyward: this export will not be in the audit log: {error}");
        }
        match &args.out {
            Some(path) => {
                let cannot = || format!("cannot write {}", path.display());
                let mut out = PrivateFile::create(path).with_context(cannot)?;
                write(&database, args, &mut out).await?;
                out.finish().with_context(cannot)
            }
            None => {
                let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
                write(&database, args, &mut out).await?;
                Ok(out.flush()?)
            }
        }
    })
}

async fn record(database: &Database, args: &Args) -> anyhow::Result<()> {
    let form = if matches!(args.format, Form::Jsonl) { "jsonl" } else { "csv" };
    let mut event = AuditEvent::new(database.clock().now(), Action::AuditExport, AuditResult::Ok);
    let moment = |moment: Option<Moment>| moment.map(|moment| moment.0);
    let detail = serde_json::json!({
        "format": form, "since": moment(args.since), "until": moment(args.until), "action": args.action,
        "service": args.service, "user": args.user,
    });
    event.detail = Some(detail.to_string());
    let mut transaction = database.begin("record an export").await?;
    audit::append(&mut transaction, &Random::system(), &[event]).await?;
    Ok(transaction.commit().await?)
}

async fn write(database: &Database, args: &Args, mut out: impl Write + Send) -> anyhow::Result<()> {
    let filter = AuditFilter {
        action: args.action.clone(),
        service_id: args.service.clone(),
        user_email: args.user.clone(),
        since: args.since.map(|since| since.0),
        limit: 0,
    };
    if matches!(args.format, Form::Csv) {
        AuditRecord::write_csv_heads(&mut out)?;
    }
    let (mut progress, mut count) = (Progress::of("records"), 0);
    audit::export(database, &filter, args.until.map(|until| until.0), |record| {
        count += 1;
        progress.set(count);
        match args.format {
            Form::Jsonl => record.write_json(&mut out),
            Form::Csv => record.write_csv(&mut out),
        }
    })
    .await?;
    Ok(())
}
