//! The PyPI packages of the end-to-end rig, as `requirements.txt` pins them, in a virtual environment of their own.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::command::{command, run};

const REQUIREMENTS: &str = "e2e/python/requirements.txt";

/// Makes the environment unless there is one of these very requirements.
pub(crate) fn provide() -> Result<()> {
    let requirements = fs::read(REQUIREMENTS).context(REQUIREMENTS)?;
    let environment = Path::new("target/python");
    let installed = environment.join("installed-from");
    if fs::read(&installed).is_ok_and(|from| from == requirements) {
        return Ok(());
    }
    if environment.exists() {
        fs::remove_dir_all(environment).context("cannot remove target/python")?;
    }
    run(command("python3", ["-m", "venv", "target/python"]).env_remove("PYTHONPATH"))?;
    let pip = environment.join("bin/pip");
    run(&mut command(
        pip,
        ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", REQUIREMENTS],
    ))?;
    fs::write(&installed, requirements).with_context(|| format!("cannot write {}", installed.display()))
}
