//! `keyward token`: what is in the cabinet.

mod list;
mod r#move;
mod set;
mod target;

use std::path::Path;

use anyhow::bail;
use clap::Subcommand;

use crate::input::confirm;
use crate::output;
use crate::wiring::cabinet::{self, Cabinet};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put a token into the cabinet, or a new version of one
    ///
    /// The value is asked for, or read from standard input or a file; never an argument, which every process on this
    /// machine could read. A running `keyward serve` takes it up within a second.
    Set(set::SetArgs),
    /// Put a new version in the place of a token's current one, which stays usable for a while
    ///
    /// The value comes in as with `set`, or from the token's hook. A call that upstream refuses with 401 under the new
    /// version is tried once more with the one before while that is usable.
    Rotate(set::RotateArgs),
    /// List the tokens; never their values
    List(list::ListArgs),
    /// Show what is known of a token, with a fingerprint to recognise its value by
    Show(list::ShowArgs),
    /// Move tokens from one store to another, whichever of them is in use
    ///
    /// Each token is copied, read back and compared; what is there already is left as it is, so that it can be run again
    /// until all is done. Owners, expiry and labels come along. Ends with 1 when a token could not be moved.
    Move(r#move::Args),
    /// Delete a token with all its versions
    Delete(DeleteArgs),
}

#[derive(clap::Args, Debug)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    target: target::Target,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(file: Option<&Path>, command: Command) -> anyhow::Result<()> {
    cabinet::with_cabinet(file, async |loaded, cabinet| match command {
        Command::Set(args) => set::set(loaded, cabinet, &args).await,
        Command::Rotate(args) => set::rotate(loaded, cabinet, &args).await,
        Command::List(args) => list::list(loaded, cabinet, &args).await,
        Command::Show(args) => list::show(loaded, cabinet, &args).await,
        Command::Move(args) => r#move::run(loaded, cabinet, args).await,
        Command::Delete(args) => delete(cabinet, &args).await,
    })
}

async fn delete(cabinet: &Cabinet, args: &DeleteArgs) -> anyhow::Result<()> {
    let named = args.target.find(cabinet).await?;
    if !args.yes && !confirm(&format!("Delete {} with all its versions?", named.text))? {
        bail!("{} is left alone; say --yes where nobody can be asked", named.text);
    }
    if !cabinet.vault.delete(&named.name).await? {
        bail!("there is no token {}", named.text);
    }
    Ok(output::line(&format!("{} is deleted", named.text))?)
}
