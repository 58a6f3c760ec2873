//! `keyward key`: the keys that the cabinet is sealed with.

mod list;
mod rotate;

use std::path::Path;

use clap::Subcommand;

use crate::output::Format;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the data keys: which root key opens each, how much each has sealed, and how many rows it still seals
    ///
    /// Needs no root key: it helps to find the right one.
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Make a new data key and seal everything anew with it, while the cabinet serves
    ///
    /// A rotation that is broken off, however that happens, goes on when this is called again. With --root no row is
    /// touched: the data keys are wrapped with another root key.
    Rotate(rotate::Args),
}

pub(crate) fn run(file: Option<&Path>, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List { format } => list::run(file, *format),
        Command::Rotate(args) => rotate::run(file, args),
    }
}
