//! One measurement: `wrk` from the load core against one address.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process::LOAD_CORE;

/// What is sent, and how.
pub(crate) struct Load<'a> {
    pub(crate) port: u16,
    pub(crate) path: &'a str,
    /// A file with one token a line, and whether each request takes another one.
    pub(crate) tokens: Option<(&'a Path, bool)>,
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
}

/// What came back. Latencies in microseconds.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Figures {
    pub(crate) requests: u64,
    pub(crate) micros: u64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    not_2xx: u64,
    broken: u64,
}

/// Runs it. An answer that is not 2xx or a broken connection makes the measurement void.
pub(crate) fn run(script: &Path, load: &Load<'_>) -> Result<Figures> {
    let mut command = Command::new("taskset");
    command.args(["-c", LOAD_CORE, "wrk", "-t1", "--latency", "-s"]).arg(script);
    command.arg(format!("-c{}", load.connections)).arg(format!("-d{}s", load.seconds));
    command.arg(format!("http://127.0.0.1:{}{}", load.port, load.path));
    command.env("URLPATH", load.path).env("HOST", format!("127.0.0.1:{}", load.port));
    if let Some((file, distinct)) = load.tokens {
        command.env("TOKENS", file).env("MODE", if distinct { "distinct" } else { "same" });
    }
    let output = command.output().context("cannot run wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("RESULT "));
    let figures: Figures = serde_json::from_str(line.with_context(|| format!("wrk gave no result: {text}"))?)?;
    if figures.not_2xx + figures.broken > 0 {
        bail!(
            "{} answers were not 2xx and {} connections broke on port {}",
            figures.not_2xx,
            figures.broken,
            load.port
        );
    }
    Ok(figures)
}
