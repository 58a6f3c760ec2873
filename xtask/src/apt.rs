//! Debian packages, installed only where a tool is missing.

use anyhow::{Result, bail, ensure};

use crate::command::{command, is_root, run};

/// A tool that a command needs: how to tell that it is there, and the packages that bring it.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) packages: &'static [&'static str],
    pub(crate) is_there: fn() -> bool,
}

/// Installs the packages of those tools that are missing.
pub(crate) fn provide(tools: &[Tool]) -> Result<()> {
    let missing: Vec<&Tool> = tools.iter().filter(|tool| !(tool.is_there)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().map(|tool| tool.name).collect::<Vec<_>>().join(", ");
    let packages: Vec<&str> = missing.iter().flat_map(|tool| tool.packages).copied().collect();
    let by_hand = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if !is_root() {
        bail!("missing: {names}. Only root can install packages; on Debian this does it:\n\n    sudo {by_hand}\n");
    }
    ensure!(
        crate::command::find("apt-get").is_some(),
        "missing: {names}. Install what Debian has as: {}",
        packages.join(" ")
    );

    eprintln!("missing: {names}");
    let apt = |arguments: &[&str]| run(command("apt-get", arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    if apt(&["update", "-q"]).is_err() {
        eprintln!("The package lists cannot be brought up to date; those that are here have to do.");
    }
    apt(&[&["install", "-q", "-y", "--no-install-recommends"], packages.as_slice()].concat())?;
    for tool in missing {
        ensure!((tool.is_there)(), "{} is still not found after `{by_hand}`", tool.name);
    }
    Ok(())
}
