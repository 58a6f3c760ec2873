//! `keyward audit verify`.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context;
use keyward_core::clock::Clock;
use keyward_storage::audit::{self, Checkpoint, PublicKey, Trust, VerifyReport};
use serde::Serialize;

use crate::output::{self, Format};
use crate::progress::Progress;
use crate::wiring::{self, storage};
use crate::{config, exit};

/// Check the chain of hashes from the first record to the last, and the signed checkpoints over it
///
/// Names the first record that was altered, removed or moved and the first checkpoint that is not signed, and ends with
/// exit code 1 if there is one. Somebody who can write all of the database can write all of it anew: only a checkpoint
/// and the public key that were kept elsewhere show that.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file of checkpoints that were kept elsewhere, one a line, as `keyward audit checkpoint` prints them
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// A file with the public key that they are signed with, as `keyward audit key` prints it
    #[arg(long = "public-key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Check an export in JSON Lines instead of the database; needs neither database nor configuration. `-` is standard
    /// input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(file: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    let trust = trust(args)?;
    let mut progress = Progress::of("records");
    let mut tell = |record: i64| progress.set(record.unsigned_abs());
    let report = match &args.file {
        Some(export) => {
            let input: Box<dyn BufRead> = if export.as_os_str() == "-" {
                Box::new(BufReader::new(io::stdin()))
            } else {
                let opened = File::open(export).with_context(|| format!("cannot read {}", export.display()))?;
                Box::new(BufReader::with_capacity(1 << 16, opened))
            };
            audit::verify_export(input, &trust, &mut tell).with_context(|| export.display().to_string())?
        }
        None => {
            let loaded = config::load(file)?;
            wiring::runtime()?.block_on(async {
                let database = storage::open_prepared(&loaded, &Clock::System).await?;
                anyhow::Ok(audit::verify_with(&database, &trust, &mut tell).await?)
            })?
        }
    };
    drop(progress);
    say(&report, args)?;
    if report.is_good() { Ok(()) } else { Err(exit::Silent.into()) }
}

fn trust(args: &Args) -> anyhow::Result<Trust> {
    let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let mut keys = Vec::new();
    for path in &args.keys {
        let found = PublicKey::all_from_pem(&read(path)?);
        keys.extend(found.with_context(|| format!("{} holds no Ed25519 public key in PEM", path.display()))?);
    }
    let mut kept = Vec::new();
    for path in &args.checkpoints {
        for line in read(path)?.lines().filter(|line| !line.trim().is_empty()) {
            kept.push(Checkpoint::parse(line).with_context(|| path.display().to_string())?);
        }
        anyhow::ensure!(!kept.is_empty(), "{} holds no checkpoint", path.display());
    }
    Ok(Trust::new(keys, kept)?)
}

#[derive(Serialize)]
struct Verdict {
    good: u64,
    start: i64,
    first_bad: Option<Bad>,
    checkpoints: u64,
    signed_up_to: i64,
    keys: Vec<String>,
    bad_checkpoint: Option<BadCheckpoint>,
}

#[derive(Serialize)]
struct Bad {
    seq: i64,
    fault: String,
}

#[derive(Serialize)]
struct BadCheckpoint {
    number: i64,
    fault: String,
}

fn say(report: &VerifyReport, args: &Args) -> anyhow::Result<()> {
    let verdict = Verdict {
        good: report.good,
        start: report.start,
        first_bad: report.first_bad.as_ref().map(|bad| Bad { seq: bad.seq, fault: bad.fault.to_string() }),
        checkpoints: report.checkpoints,
        signed_up_to: report.signed_up_to,
        keys: report.keys.iter().map(PublicKey::id).collect(),
        bad_checkpoint: report
            .bad_checkpoint
            .as_ref()
            .map(|bad| BadCheckpoint { number: bad.number, fault: bad.fault.to_string() }),
    };
    if args.format.json {
        return Ok(output::json(&verdict)?);
    }
    Ok(output::line(&lines(&verdict, args).join("\n"))?)
}

fn lines(verdict: &Verdict, args: &Args) -> Vec<String> {
    let mut lines = Vec::new();
    match &verdict.first_bad {
        None => lines.push(format!("{} records, the chain is whole", verdict.good)),
        Some(bad) => {
            lines.push(format!("record {}: {} ({} records before it are good)", bad.seq, bad.fault, verdict.good));
        }
    }
    if verdict.start > 0 && args.file.is_none() {
        lines.push(format!("records up to {} were removed, as a signed checkpoint says", verdict.start));
    } else if verdict.start > 0 {
        lines.push(format!("records up to {} are not in this export", verdict.start));
    }
    if verdict.checkpoints > 0 {
        let (checkpoints, up_to, keys) = (verdict.checkpoints, verdict.signed_up_to, verdict.keys.join(", "));
        lines.push(format!("{checkpoints} checkpoint(s), signed with {keys}, cover the records up to {up_to}"));
        if args.keys.is_empty() {
            lines
                .push("that this is your key only a public key shows that was kept elsewhere: --public-key".to_owned());
        }
    }
    if let Some(bad) = &verdict.bad_checkpoint {
        lines.push(format!("checkpoint {}: {}", bad.number, bad.fault));
    }
    if verdict.checkpoints == 0 && verdict.first_bad.is_none() && !args.checkpoints.is_empty() {
        lines.push("no checkpoint that was given covers a record of this".to_owned());
    }
    lines
}
