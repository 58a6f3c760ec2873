//! `keyward key rotate`: a new data key, or a new root key for the data keys there are.

use std::path::{Path, PathBuf};

use anyhow::bail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use keyward_storage::data_keys;
use keyward_vault::Progress;
use serde::Serialize;

use crate::config::{self, Loaded};
use crate::exit::{Silent, Usage};
use crate::output::{self, Format};
use crate::wiring::cabinet::{self, Cabinet};
use crate::wiring::keys::NextKey;
use crate::wiring::storage;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Wrap the data keys with another root key instead: the one in `[next_keys]`, or that of --to-file
    #[arg(long)]
    root: bool,
    /// The key file to wrap the data keys with; it is made when it is not there
    #[arg(long, value_name = "PATH", requires = "root")]
    to_file: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(file: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    if !args.root {
        return cabinet::with_cabinet(file, async |_, cabinet| rotate(cabinet, args.format).await);
    }
    let loaded = config::load(file)?;
    let next = match (&args.to_file, &loaded.config.next_keys) {
        (Some(path), _) => NextKey::File(path.clone()),
        (None, Some(next)) => NextKey::Configured(Box::new(next.clone())),
        (None, None) => {
            let told = "say which root key is next: --to-file PATH, or a section [next_keys] in the configuration";
            return Err(Usage(told.to_owned()).into());
        }
    };
    if let Some(id) = already_wrapped(&loaded, &next)? {
        return wrapped(args.format, &next, &RootRotated { from: None, to: id, keys: None });
    }
    cabinet::with_cabinet(file, async |_, cabinet| {
        let provider = next.open(&loaded, &cabinet.random).await?;
        let done = cabinet.vault.rewrap_data_keys(provider).await?;
        wrapped(args.format, &next, &RootRotated { from: Some(done.from), to: done.to, keys: Some(done.keys) })
    })
}

async fn rotate(cabinet: &Cabinet, format: Format) -> anyhow::Result<()> {
    let mut meter = Meter::new(format);
    let done = cabinet.vault.rotate_data_key(|progress| meter.show(progress)).await;
    meter.bar.finish_and_clear();
    let done = done?;
    let rotated = Rotated {
        key_id: done.key_id,
        resumed: done.resumed,
        resealed: done.resealed,
        retired: done.retired,
        unopened: done.unopened,
    };
    if format.json {
        output::json(&rotated)?;
    } else {
        let resumed = if rotated.resumed { " (a rotation that was broken off went on)" } else { "" };
        output::line(&format!("{} seals now{resumed}; {} rows were sealed anew", rotated.key_id, rotated.resealed))?;
        for key in &rotated.retired {
            output::line(&format!("{key} is retired: nothing is sealed with it any more"))?;
        }
        for told in &rotated.unopened {
            output::line(&format!("left as it is, with its key: {told}"))?;
        }
    }
    if rotated.unopened.is_empty() { Ok(()) } else { Err(Silent.into()) }
}

#[derive(Serialize)]
struct Rotated {
    key_id: String,
    resumed: bool,
    resealed: u64,
    retired: Vec<String>,
    unopened: Vec<String>,
}

#[derive(Serialize)]
struct RootRotated {
    from: Option<String>,
    to: String,
    keys: Option<usize>,
}

/// The id of the next root key, when all data keys are wrapped with it already: a rotation that was done, and whose word
/// of it was lost.
fn already_wrapped(loaded: &Loaded, next: &NextKey) -> anyhow::Result<Option<String>> {
    crate::wiring::runtime()?.block_on(async {
        let database = storage::open_and_migrate(loaded, &keyward_core::clock::Clock::System).await?;
        let rows = data_keys::all(&database).await?;
        let Some(id) = next.id(loaded) else { return Ok(None) };
        if rows.is_empty() {
            bail!("the database holds no data key yet: set [keys] to the root key it is to begin with");
        }
        Ok(rows.iter().all(|row| row.wrapped_by == id).then_some(id))
    })
}

fn wrapped(format: Format, next: &NextKey, done: &RootRotated) -> anyhow::Result<()> {
    if format.json {
        return Ok(output::json(done)?);
    }
    match (&done.from, done.keys) {
        (Some(from), Some(1)) => {
            output::line(&format!("1 data key was wrapped with {from} and is wrapped with {}", done.to))?
        }
        (Some(from), Some(keys)) => {
            output::line(&format!("{keys} data keys were wrapped with {from} and are wrapped with {}", done.to))?;
        }
        _ => output::line(&format!("the data keys are wrapped with {} already", done.to))?,
    }
    output::line("Running processes go on. Before the next start, and before the next `key rotate`:")?;
    Ok(output::line(&format!("  {}", next.advice()))?)
}

/// How far it is: a bar on a terminal, a line for every tenth elsewhere, nothing beside JSON.
struct Meter {
    bar: ProgressBar,
    lines: bool,
    said: u64,
}

impl Meter {
    fn new(format: Format) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} rows, {eta} left") {
            bar.set_style(style);
        }
        if format.json {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { lines: bar.is_hidden() && !format.json, bar, said: 0 }
    }

    fn show(&mut self, progress: Progress) {
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.done);
        let tenth = (progress.done * 10).checked_div(progress.total).unwrap_or(10);
        if self.lines && tenth > self.said {
            self.said = tenth;
            eprintln!("{} of {} rows", progress.done, progress.total);
        }
    }
}
