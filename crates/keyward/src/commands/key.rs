//! `keyward key`: the keys that the cabinet is sealed with.

mod export_recovery;
mod list;
mod restore;
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
    /// Write every data key, and the root key where Keyward can read it, into a file that only the holder of an age
    /// identity can open
    ///
    /// With that file and the identity the cabinet opens again when its root key is lost: see `keyward key restore`. `age`
    /// opens it too.
    ExportRecovery(export_recovery::Args),
    /// Open the cabinet again with such a file, when its root key is lost
    ///
    /// Needs no root key. The keys of the file are compared with the database: each must open what is sealed with it. Then all
    /// are wrapped with the root key that `[keys]` says, at once. A key file that is not there is made, with the root key of
    /// the recovery file if that holds it. Stop Keyward before.
    Restore(restore::Args),
}

pub(crate) fn run(file: Option<&Path>, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List { format } => list::run(file, *format),
        Command::Rotate(args) => rotate::run(file, args),
        Command::ExportRecovery(args) => export_recovery::run(file, args),
        Command::Restore(args) => restore::run(file, args),
    }
}

fn counted(keys: usize) -> String {
    if keys == 1 { "1 data key".to_owned() } else { format!("{keys} data keys") }
}

fn counted_are(keys: usize) -> String {
    format!("{} {}", counted(keys), if keys == 1 { "is" } else { "are" })
}
