//! `keyward audit`: what was done, by whom, and whether the record of it is whole.

mod checkpoint;
mod export;
mod key;
mod list;
mod moment;
mod prune;
mod verify;

use std::path::Path;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(list::Args),
    Verify(verify::Args),
    Export(export::Args),
    Checkpoint(checkpoint::Args),
    Key(key::Args),
    Prune(prune::Args),
}

pub(crate) fn run(file: Option<&Path>, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list::run(file, args),
        Command::Verify(args) => verify::run(file, &args),
        Command::Export(args) => export::run(file, &args),
        Command::Checkpoint(args) => checkpoint::run(file, &args),
        Command::Key(args) => key::run(file, &args),
        Command::Prune(args) => prune::run(file, &args),
    }
}
