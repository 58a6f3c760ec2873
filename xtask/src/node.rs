//! The npm packages of the end-to-end rig, as `package-lock.json` pins them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::command::{command, run};

const ROOM: &str = "e2e/node";

/// Installs the packages unless those of this very lock file are there.
pub(crate) fn provide() -> Result<()> {
    let lock = fs::read(Path::new(ROOM).join("package-lock.json")).context("e2e/node/package-lock.json")?;
    let installed = Path::new(ROOM).join("node_modules/.installed-from");
    if fs::read(&installed).is_ok_and(|from| from == lock) {
        return Ok(());
    }
    run(command("npm", ["ci", "--no-audit", "--no-fund"]).current_dir(ROOM))?;
    fs::write(&installed, lock).with_context(|| format!("cannot write {}", installed.display()))
}
