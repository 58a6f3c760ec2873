//! `keyward audit key`.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::input::confirm;
use crate::output;
use crate::wiring::audit_key;
use crate::wiring::cabinet::with_cabinet;

/// Print the public key that checkpoints of the audit log are signed with, as PEM
///
/// Keep it where whoever administers the database cannot change it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Make another key first; the key so far signs a checkpoint that names it, so that what was signed stays good
    #[arg(long)]
    rotate: bool,
    /// The file to write instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Do not ask
    #[arg(long, requires = "rotate")]
    yes: bool,
}

pub(super) fn run(file: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    if args.rotate && !args.yes && !confirm("Sign checkpoints with another key from now on?")? {
        bail!("the key is left as it is; say --yes where nobody can be asked");
    }
    with_cabinet(file, async |_, cabinet| {
        let (database, vault, random) = (&cabinet.database, &cabinet.vault, &cabinet.random);
        let key = if args.rotate {
            audit_key::rotate(database, vault, random).await?
        } else {
            audit_key::signer(database, vault, random).await?.public_key()
        };
        output::to_file_or_line(args.out.as_deref(), &format!("# {}\n{}", key.id(), key.to_pem().trim_end()))
    })
}
