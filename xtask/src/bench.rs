//! `cargo xtask bench`: Keyward beside the same upstream reached directly and through nginx.

use std::fs;

use anyhow::Result;

use crate::apt::{self, Tool};
use crate::command::{command, find, run as run_command};

const TOOLS: [Tool; 2] = [
    Tool { name: "wrk", packages: &["wrk"], is_there: || find("wrk").is_some() },
    Tool { name: "nginx", packages: &["nginx"], is_there: || find("nginx").is_some() },
];
const RESULTS: &str = "bench/results";

/// Builds as for release and measures; the numbers go to `bench/results/latest.json`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    apt::provide(&TOOLS)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // One after the other: together they would share features, and the measured program would not be the released one.
    for package in ["keyward", "keyward-bench"] {
        run_command(&mut command(&cargo, ["build", "--release", "--package", package]))?;
    }
    fs::create_dir_all(RESULTS)?;
    let mut bench =
        command("target/release/keyward-bench", [&format!("{RESULTS}/latest.json"), "target/release/keyward"]);
    run_command(bench.args(arguments))
}
