//! `keyward key export-recovery`: the data keys for the day on which the root key is lost.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use keyward_vault::key::recovery::Recipient;
use serde::Serialize;

use crate::exit::Usage;
use crate::output::{self, Format};
use crate::private_file::PrivateFile;
use crate::wiring::cabinet::with_cabinet;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Whom it is encrypted for: the public key, `age1…`, that `age-keygen` prints; may be said several times
    // A text, since clap repeats in its error what it cannot read, and this may be the secret key by mistake.
    #[arg(long = "recipient", value_name = "AGE1", required = true)]
    recipients: Vec<String>,
    /// The file to write, for its owner alone
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Exported<'a> {
    file: &'a Path,
    keys: usize,
}

pub(super) fn run(file: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    let recipients: Result<Vec<Recipient>, _> = args.recipients.iter().map(|text| text.parse()).collect();
    let recipients = recipients.map_err(|invalid| Usage(format!("--recipient: {invalid}")))?;
    if !args.overwrite && args.out.symlink_metadata().is_ok() {
        bail!("{} is there already; say --overwrite to replace it", args.out.display());
    }
    with_cabinet(file, async |_, cabinet| {
        let (content, keys) = cabinet.vault.export_recovery(&recipients).await?;
        let cannot = || format!("cannot write {}", args.out.display());
        let mut out = PrivateFile::create(&args.out).with_context(cannot)?;
        out.write_all(&content).with_context(cannot)?;
        if args.overwrite { out.finish() } else { out.finish_new() }.with_context(cannot)?;
        if args.format.json {
            return Ok(output::json(&Exported { file: &args.out, keys })?);
        }
        let keys = super::counted(keys);
        output::line(&format!(
            "{} holds {keys}. Keep it apart from backups and from the age identity;",
            args.out.display()
        ))?;
        Ok(output::line("make it anew after every `keyward key rotate`, and try `keyward key restore` on a copy.")?)
    })
}
