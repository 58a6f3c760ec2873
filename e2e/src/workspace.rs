//! Where things lie.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// How to get what is missing.
const ADVICE: &str = "`cargo xtask test` installs and builds what these tests need";

/// The folder of this crate.
pub fn e2e() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program of the rig in `node/`.
pub fn node_program(name: &str) -> PathBuf {
    e2e().join("node").join(name)
}

/// The Node.js that the rig's lock file pins.
pub fn node() -> Result<PathBuf> {
    existing(e2e().join("node/node_modules/.bin/node"))
}

/// A program that an npm package brought.
pub fn node_tool(name: &str) -> Result<PathBuf> {
    existing(e2e().join("node/node_modules/.bin").join(name))
}

/// The Python with the rig's packages.
pub fn python() -> Result<PathBuf> {
    existing(target()?.join("python/bin/python"))
}

/// OpenBao's server.
pub fn bao() -> Result<PathBuf> {
    match std::env::var_os("KEYWARD_TEST_BAO") {
        Some(program) => existing(program.into()),
        None => existing(target()?.join("python/bin/bao")),
    }
}

/// A program that this workspace builds; it lies where this test was built.
pub fn built(name: &str) -> Result<PathBuf> {
    existing(profile()?.join(name))
}

/// The folder of the build profile, `target/debug`.
fn profile() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("a program lies in a folder")?;
    let folder = if folder.ends_with("deps") { folder.parent().context("deps lies in a folder")? } else { folder };
    Ok(folder.to_owned())
}

/// `cargo xtask` puts what it makes into the workspace's own target folder.
fn target() -> Result<PathBuf> {
    Ok(e2e().parent().context("this crate lies in the workspace")?.join("target"))
}

fn existing(path: PathBuf) -> Result<PathBuf> {
    ensure!(path.exists(), "{} is missing; {ADVICE}", path.display());
    Ok(path)
}
