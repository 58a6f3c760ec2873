//! `keyward token move`: from one store to another.

use anyhow::bail;
use keyward_vault::{Move, MoveOutcome, Moved, TokenName};
use serde::Serialize;

use crate::config::{Loaded, TokenStoreKind};
use crate::exit::{Silent, Usage};
use crate::output::{Format, Row};
use crate::wiring::cabinet::Cabinet;
use crate::wiring::vault::store;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Where the tokens are
    #[arg(long, value_name = "KIND")]
    from: TokenStoreKind,
    /// Where they are to be
    #[arg(long, value_name = "KIND")]
    to: TokenStoreKind,
    /// Only these tokens [default: all]
    #[arg(value_name = "SERVICE/KEY")]
    only: Vec<TokenName>,
    /// Compare, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Put a new version over a token of another value at the destination
    #[arg(long)]
    overwrite: bool,
    /// Delete each token where it was, once it was read back where it is to be
    #[arg(long)]
    delete_source: bool,
    #[command(flatten)]
    format: Format,
}

pub(crate) async fn run(loaded: &Loaded, cabinet: &Cabinet, args: Args) -> anyhow::Result<()> {
    let Args { from, to, only, dry_run, overwrite, delete_source, format } = args;
    if from == to {
        bail!(Usage("--from and --to are the same store".to_owned()));
    }
    let in_database = |kind| matches!(kind, TokenStoreKind::Sqlite | TokenStoreKind::Postgres);
    if in_database(from) && in_database(to) {
        bail!(Usage("both are the database of [storage]: use `keyward backup` and `keyward restore`".to_owned()));
    }
    if to == TokenStoreKind::Env {
        bail!(Usage("environment variables are set where Keyward is started; nothing can be moved there".to_owned()));
    }
    let plan = Move { from: store(loaded, from)?, to: store(loaded, to)?, only, dry_run, overwrite, delete_source };
    let moved = cabinet.vault.move_tokens(&plan, |_| ()).await?;
    let rows: Vec<Told> = moved.iter().map(Told::from).collect();
    format.list(&rows, "There is nothing to move: the source is empty.")?;
    match moved.iter().all(|moved| moved.outcome.is_good()) {
        true => Ok(()),
        false => bail!(Silent),
    }
}

#[derive(Serialize)]
struct Told {
    name: String,
    owner: Option<String>,
    outcome: &'static str,
    version: Option<i64>,
    source_deleted: bool,
    reason: Option<String>,
}

impl From<&Moved> for Told {
    fn from(moved: &Moved) -> Self {
        let (outcome, version, source_deleted, reason) = match &moved.outcome {
            MoveOutcome::Copied { version, source_deleted } => ("copied", Some(*version), *source_deleted, None),
            MoveOutcome::AlreadyThere { version, source_deleted } => {
                ("already there", Some(*version), *source_deleted, None)
            }
            MoveOutcome::WouldCopy => ("would copy", None, false, None),
            MoveOutcome::Conflict { version } => {
                let reason = "the destination has another value; --overwrite puts a new version over it";
                ("conflict", Some(*version), false, Some(reason.to_owned()))
            }
            MoveOutcome::Missing => ("missing", None, false, Some("there is no such token at the source".to_owned())),
            MoveOutcome::Failed(error) => ("failed", None, false, Some(error.to_string())),
        };
        let owner = moved.name.owner().map(|owner| owner.to_string());
        Self { name: moved.name.to_string(), owner, outcome, version, source_deleted, reason }
    }
}

impl Row for Told {
    const HEADS: &'static [&'static str] = &["NAME", "OWNER", "OUTCOME", "VERSION", "SOURCE", "REASON"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.owner.clone().unwrap_or_else(|| "-".to_owned()),
            self.outcome.to_owned(),
            self.version.map_or_else(|| "-".to_owned(), |version| version.to_string()),
            if self.source_deleted { "deleted" } else { "kept" }.to_owned(),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}
