//! `keyward key rotate` over many rows, with reads going on beside it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::place::{Cabinet, name};
use crate::comparison::Comparison;
use crate::process::LOAD_CORE;

const ROWS: u32 = 100_000;
/// How long reads are timed while nothing else goes on.
const QUIET: Duration = Duration::from_secs(5);
/// Between two reads: they are timed at a steady pace, not as a load of their own.
const PACE: Duration = Duration::from_micros(500);

pub(crate) async fn compare(program: &Path, directory: &Path) -> Result<Vec<Comparison>> {
    let home = directory.join("reseal");
    std::fs::create_dir_all(&home)?;
    let url = format!("sqlite:{}", home.join("keyward.db").display());
    let cabinet = Cabinet::open(&url, &home).await?;
    cabinet.fill(ROWS).await?;
    std::fs::write(home.join("keyward.toml"), "[storage]\nurl = \"sqlite:keyward.db\"\n")?;

    let began = Instant::now();
    let quiet = read_while(&cabinet, || Ok(began.elapsed() < QUIET)).await?;
    let began = Instant::now();
    let mut rotation = rotate(program, &home)?;
    let beside = read_while(&cabinet, || Ok(rotation.try_wait()?.is_none())).await?;
    let took = began.elapsed();
    ensure!(rotation.wait()?.success(), "keyward key rotate failed");
    Ok(vec![
        Comparison::alone("rows re-sealed in a second, 100,000 rows", "/s", f64::from(ROWS) / took.as_secs_f64()),
        Comparison::of_growth("p99 of reads beside re-sealing / quiet", "us", quiet, beside, 2.0),
    ])
}

fn rotate(program: &Path, home: &Path) -> Result<Child> {
    let mut command = Command::new("taskset");
    command.args(["-c", LOAD_CORE]).arg(program).args(["key", "rotate"]).current_dir(home);
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("cannot run keyward key rotate")
}

/// The 99th percentile of reads in microseconds, for as long as `goes_on`.
async fn read_while(cabinet: &Cabinet, mut goes_on: impl FnMut() -> Result<bool>) -> Result<f64> {
    let (mut times, mut number) = (Vec::new(), 0_u32);
    while goes_on()? {
        number = (number + 7_919) % ROWS;
        let name = name(number)?;
        let began = Instant::now();
        cabinet.vault.store().get(&name).await?.context("no token")?;
        times.push(began.elapsed().as_micros() as f64);
        tokio::time::sleep(PACE).await;
    }
    times.sort_by(f64::total_cmp);
    times.get(times.len() * 99 / 100).copied().context("nothing was read")
}
