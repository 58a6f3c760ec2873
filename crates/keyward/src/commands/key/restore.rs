//! `keyward key restore`: the cabinet opens again when its root key is lost.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_vault::key::recovery::{Identity, MAX_LEN, Recovery};
use keyward_vault::{Matched, Restored};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::config::{self, Loaded};
use crate::input::confirm;
use crate::output::{self, Format};
use crate::wiring::cabinet::Cabinet;
use crate::wiring::{self, audit, keys, storage};
use crate::{hardening, telemetry};

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// What `keyward key export-recovery` wrote
    file: PathBuf,
    /// The file with the age identity, `AGE-SECRET-KEY-1…`; `-` is standard input
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// Go on although nothing opens with some of the keys, since the rows that name them are damaged
    #[arg(long)]
    damaged_rows: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Told {
    root_key: String,
    keys: usize,
    unproven: Vec<String>,
}

pub(super) fn run(file: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    hardening::forbid_core_dumps();
    let loaded = config::load(file)?;
    telemetry::start_quiet()?;
    let recovery = open(args)?;
    let done = wiring::runtime()?.block_on(restore(&loaded, recovery, args))?;
    if args.format.json {
        let told = Told { root_key: done.root_key, keys: done.keys, unproven: done.unproven };
        return Ok(output::json(&told)?);
    }
    output::line(&format!("{} wrapped with {}; the cabinet opens", super::counted_are(done.keys), done.root_key))?;
    for key in &done.unproven {
        output::line(&format!("{key} opens nothing that is in the database, so nothing proves it; it seals no more"))?;
    }
    Ok(output::line("Restart every process of Keyward, then make a new recovery file.")?)
}

fn open(args: &Args) -> anyhow::Result<Recovery> {
    let identities = if args.identity.as_os_str() == "-" {
        Identity::read_all(&read(io::stdin().lock()).context("on standard input")?).context("on standard input")?
    } else {
        let named = || args.identity.display().to_string();
        Identity::read_all(&read_file(&args.identity)?).with_context(named)?
    };
    let sealed = read_file(&args.file)?;
    Recovery::open(sealed.expose_secret(), &identities).with_context(|| args.file.display().to_string())
}

fn read_file(path: &Path) -> anyhow::Result<Secret> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    read(file).with_context(|| path.display().to_string())
}

fn read(reader: impl Read) -> anyhow::Result<Secret> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(1 << 16));
    reader.take(MAX_LEN + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LEN {
        bail!("it is longer than {} MiB", MAX_LEN >> 20);
    }
    Ok(Secret::new(std::mem::take(&mut *bytes)))
}

async fn restore(loaded: &Loaded, recovery: Recovery, args: &Args) -> anyhow::Result<Restored> {
    let random = Random::system();
    let database = storage::open_and_migrate(loaded, &Clock::System).await?;
    let matched = Matched::new(&database, recovery, args.damaged_rows).await?;
    if matched.keys() == 0 {
        bail!("the database holds no data key: there is nothing to restore");
    }
    let question = format!("Wrap {} with the root key of [keys]?", super::counted(matched.keys()));
    if !args.yes && !confirm(&question)? {
        bail!("nothing was changed; say --yes where nobody can be asked");
    }
    let root = keys::open_or_put_back(loaded, matched.root_key(), &random).await?;
    let audit = audit::start(loaded, &database, &random)?;
    let restored = matched.restore(&*root, &random, &audit).await;
    audit.close().await;
    drop(database);
    let restored = restored?;
    let cabinet = Cabinet::open(loaded).await.context("the data keys are restored, and the cabinet does not open")?;
    cabinet.audit.close().await;
    Ok(restored)
}
