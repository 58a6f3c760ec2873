//! Reads of OpenBao's KV version 2 over loopback: a development server, which keeps everything in memory.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::place::value;
use crate::process::{LOAD_CORE, SERVER_CORE, Server};

const PORT: u16 = 28_083;
/// The one token of a server that lives for this measurement, on loopback.
const ROOT_TOKEN: &str = "keyward-benchmark";
const URL: &str = "http://127.0.0.1:28083/v1/secret/data/bench/token";

pub(crate) struct Measured {
    /// In a second.
    pub(crate) reads: f64,
    pub(crate) resident_mb: f64,
}

/// Many connections at once and the fastest client there is: the most that the server gives.
pub(crate) fn measure(program: &Path, directory: &Path, seconds: u32) -> Result<Measured> {
    let listen = format!("-dev-listen-address=127.0.0.1:{PORT}");
    let token = format!("-dev-root-token-id={ROOT_TOKEN}");
    let command =
        [program.display().to_string(), "server".into(), "-dev".into(), "-dev-no-store-token".into(), listen, token];
    let server = Server::start(SERVER_CORE, &command, directory, PORT)?;
    let header = format!("X-Vault-Token: {ROOT_TOKEN}");
    let body = serde_json::json!({ "data": { "value": String::from_utf8(value(1))? } }).to_string();
    let mut put = Command::new("curl");
    put.args(["-fsS", "--retry", "20", "--retry-all-errors", "-o", "/dev/null", "-H", &header, "-d", &body, URL]);
    ensure!(put.status().context("cannot run curl")?.success(), "OpenBao took no secret");

    let duration = format!("-d{seconds}s");
    let output = Command::new("taskset")
        .args(["-c", LOAD_CORE, "wrk", "-t1", "-c16", &duration, "-H", &header, URL])
        .output()
        .context("cannot run wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(!text.contains("Non-2xx"), "OpenBao refused reads: {text}");
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    let reads = line.with_context(|| format!("wrk gave no result: {text}"))?.trim().parse()?;
    Ok(Measured { reads, resident_mb: server.resident_kb() as f64 / 1024.0 })
}
