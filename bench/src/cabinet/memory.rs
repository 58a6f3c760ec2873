//! Memory of a process that holds a cabinet open and reads tokens from all over it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::place::{Cabinet, name};
use crate::comparison::Comparison;

/// The sizes of cabinet that are compared.
const FEW: u32 = 1_000;
const MANY: u32 = 1_000_000;
/// Reads before memory is looked at.
const READS: u32 = 100_000;

/// Each size in a process of its own, so that what filling took does not count.
pub(crate) fn compare(directory: &Path) -> Result<Comparison> {
    let few = resident_kb(directory, FEW)?;
    let many = resident_kb(directory, MANY)?;
    let megabytes = |kb: u64| kb as f64 / 1024.0;
    Ok(Comparison::of_growth("memory with 1,000,000 tokens / 1,000", "MB", megabytes(few), megabytes(many), 1.1))
}

fn resident_kb(directory: &Path, count: u32) -> Result<u64> {
    let home = directory.join(format!("cabinet-of-{count}"));
    std::fs::create_dir_all(&home)?;
    let run = |what: &str| -> Result<String> {
        let own = std::env::current_exe()?;
        let output =
            Command::new(own).args(["cabinet-process", what, &count.to_string()]).current_dir(&home).output()?;
        ensure!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    };
    run("fill")?;
    run("read")?.trim().parse().context("no figure")
}

/// The process: fills the cabinet in the working directory, or reads from it and prints its resident memory in KB.
#[expect(clippy::print_stdout, reason = "the figure is what the process is for")]
pub(crate) async fn process(what: &str, count: u32) -> Result<()> {
    let cabinet = Cabinet::open("sqlite:keyward.db", Path::new(".")).await?;
    if what == "fill" {
        return cabinet.fill(count).await;
    }
    let mut number = 1_u64;
    for _ in 0..READS {
        // Any order that jumps about will do (MINSTD).
        number = number * 48_271 % 2_147_483_647;
        let name = name(u32::try_from(number % u64::from(count))?)?;
        cabinet.vault.store().get(&name).await?.context("no token")?;
    }
    println!("{}", crate::process::resident_kb(std::process::id()).context("no figure")?);
    Ok(())
}
