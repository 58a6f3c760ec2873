//! `cargo xtask deny`: bans, licences, sources and advisories of all dependencies, by cargo-deny.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::command::{command, output, run as run_command, succeeds};

/// The oldest version that reads `deny.toml` as it is written.
const OLDEST: (u32, u32) = (0, 20);
const INSTALLED: &str = "0.20.2";
const TOOLS: &str = "target/tools";

/// Checks everything; advisories only where their database can be fetched.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ensure!(arguments.is_empty(), "deny takes no arguments");
    let deny = provide()?;
    run_command(&mut command(&deny, ["check", "bans", "licenses", "sources"]))?;
    if !succeeds(&mut command(&deny, ["fetch", "db"])) {
        eprintln!("The advisory database cannot be fetched from here: advisories were NOT checked.");
        return Ok(());
    }
    run_command(&mut command(&deny, ["check", "--disable-fetch", "advisories"]))
}

/// A cargo-deny that is new enough: the machine's, else one of our own under `target`.
fn provide() -> Result<PathBuf> {
    let own = PathBuf::from(TOOLS).join("bin/cargo-deny");
    for candidate in [PathBuf::from("cargo-deny"), own.clone()] {
        if version_of(&candidate).is_some_and(|version| version >= OLDEST) {
            return Ok(candidate);
        }
    }
    // Unoptimised: it is built in a quarter of the time and runs for a second.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let package = format!("cargo-deny@{INSTALLED}");
    run_command(&mut command(cargo, ["install", "--locked", "--debug", "--root", TOOLS, &package]))?;
    Ok(own)
}

fn version_of(program: &PathBuf) -> Option<(u32, u32)> {
    let said = output(&mut command(program, ["--version"]))?;
    let mut numbers = said.trim().rsplit(' ').next()?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
