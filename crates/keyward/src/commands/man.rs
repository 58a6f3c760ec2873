//! `keyward man`: manual pages.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use crate::output;

/// Print the manual page, or write one for each command
///
/// To read it: `keyward man | man -l -`. To install all: `keyward man --out /usr/local/share/man/man1`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to write keyward.1 and the pages of all commands into
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, command: clap::Command) -> anyhow::Result<()> {
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return Ok(output::line(String::from_utf8(page)?.trim_end())?);
    };
    let cannot = || format!("cannot write into {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    clap_mangen::generate_to(command, folder).with_context(cannot)
}
