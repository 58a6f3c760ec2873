//! `keyward init`: a configuration file to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, bail};

use crate::{config, output};

/// A short file, with the keys that a first server needs; `keyward.toml` of the repository has them all.
const TEMPLATE: &str = include_str!("init/keyward.toml");

/// Write a configuration file to begin with
///
/// It is short and commented, with one MCP server in it, for you to change. A file that is there already is
/// left alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print it instead of writing the file
    #[arg(long)]
    print: bool,
}

pub(crate) fn run(file: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    if args.print {
        return Ok(output::line(TEMPLATE.trim_end())?);
    }
    let path = file.unwrap_or(Path::new(config::DEFAULT_FILE));
    let mut out = match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already; it is left alone", path.display())
        }
        opened => opened.with_context(|| format!("cannot write {}", path.display()))?,
    };
    out.write_all(TEMPLATE.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    output::line(&format!(
        "Wrote {}. Change the server in it to yours, then:\n  \
         keyward config check               find mistakes\n  \
         keyward token set notes/api_token  put its token into the cabinet\n  \
         keyward user invite --admin        make a link for the first account\n  \
         keyward serve                      open the door",
        path.display()
    ))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_right() {
        let config = config::parse("keyward.toml", TEMPLATE, []).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert_eq!(config.servers[0].id.0.as_str(), "notes");
    }
}
