//! Medians over the rounds, their spread, and ratios against nginx and the direct way; as a table and as JSON.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::comparison::Comparison;
use crate::wrk::Figures;

/// One thing that is measured in every round.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) server: &'static str,
    pub(crate) port: u16,
    pub(crate) path: &'static str,
    pub(crate) tokens: Option<(PathBuf, bool)>,
    pub(crate) connections: u32,
}

/// What one round of a case gave. The direct way has no server process.
pub(crate) struct Row {
    pub(crate) figures: Figures,
    pub(crate) cpu: Option<Duration>,
    pub(crate) idle_kb: Option<u64>,
    pub(crate) loaded_kb: Option<u64>,
}

struct Measured {
    name: &'static str,
    server: &'static str,
    connections: u32,
    rows: Vec<Row>,
}

/// All rounds of all cases.
pub(crate) struct Report {
    binary_bytes: u64,
    /// CPU microseconds of one audit record.
    record_micros: f64,
    verification: Vec<Comparison>,
    measured: Vec<Measured>,
}

impl Report {
    pub(crate) fn new(binary: &Path, record_micros: f64, verification: Vec<Comparison>) -> Result<Self> {
        let binary_bytes = std::fs::metadata(binary)?.len();
        Ok(Self { binary_bytes, record_micros, verification, measured: Vec::new() })
    }

    pub(crate) fn add(&mut self, case: &Case, row: Row) {
        match self.measured.iter_mut().find(|measured| measured.name == case.name) {
            Some(measured) => measured.rows.push(row),
            None => self.measured.push(Measured {
                name: case.name,
                server: case.server,
                connections: case.connections,
                rows: vec![row],
            }),
        }
    }

    #[expect(clippy::print_stdout, reason = "the table is what the command is for")]
    pub(crate) fn print(&self) {
        println!(
            "{:46}{:>9}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}{:>10}{:>10}",
            "", "req/s", "spread", "p50 us", "p99 us", "added50", "added99", "CPU us", "idle MB", "loaded MB"
        );
        for measured in &self.measured {
            let [p50, p99] = self.added(measured);
            println!(
                "{:46}{:>9.0}{:>7.1}%{:>9.0}{:>9.0}{p50:>9.0}{p99:>9.0}{:>9.1}{:>10.1}{:>10.1}",
                measured.name,
                measured.rate(),
                measured.spread() * 100.0,
                measured.p50(),
                measured.p99(),
                measured.cpu_micros(),
                measured.idle_mb(),
                measured.loaded_mb(),
            );
        }
        println!();
        for measured in self.measured.iter().filter(|measured| measured.server == "keyward") {
            for other in ["nginx", "direct"] {
                if let Some([rate, p50, p99]) = self.ratios(measured, other) {
                    println!("{:46} / {other:7} req/s {rate:.2} x   p50 {p50:.2} x   p99 {p99:.2} x", measured.name);
                }
            }
        }
        println!();
        for measured in self.measured.iter().filter(|measured| measured.server == "keyward") {
            let (record, share) = (self.record_micros, self.record_share(measured) * 100.0);
            println!("{:46} audit record {record:.1} us, {share:.0} % of its CPU", measured.name);
        }
        println!();
        self.verification.iter().for_each(|comparison| println!("{}", comparison.line()));
        println!("\nrelease binary: {:.1} MB", megabytes(self.binary_bytes / 1024));
    }

    pub(crate) fn write(&self, out: &Path) -> Result<()> {
        let cases: Vec<Value> = self.measured.iter().map(|measured| self.json(measured)).collect();
        let verification: Vec<Value> = self.verification.iter().map(Comparison::json).collect();
        let report = json!({
            "binary_bytes": self.binary_bytes, "audit_record_cpu_us": self.record_micros, "verification": verification,
            "cases": cases,
        });
        Ok(std::fs::write(out, serde_json::to_string_pretty(&report)? + "\n")?)
    }

    fn json(&self, measured: &Measured) -> Value {
        let ratio =
            |other| self.ratios(measured, other).map(|[rate, p50, p99]| json!({"rate": rate, "p50": p50, "p99": p99}));
        let [added_p50, added_p99] = self.added(measured);
        json!({
            "name": measured.name, "connections": measured.connections, "rounds": measured.rows.len(),
            "requests_per_second": measured.rate(), "spread": measured.spread(),
            "p50_us": measured.p50(), "p99_us": measured.p99(), "added_p50_us": added_p50, "added_p99_us": added_p99,
            "cpu_us_per_request": measured.cpu_micros(), "idle_mb": measured.idle_mb(), "loaded_mb": measured.loaded_mb(),
            "audit_share_of_cpu": (measured.server == "keyward").then(|| self.record_share(measured)),
            "over_nginx": ratio("nginx"), "over_direct": ratio("direct"),
        })
    }

    /// The part of a call's CPU time that its audit record takes.
    fn record_share(&self, measured: &Measured) -> f64 {
        self.record_micros / measured.cpu_micros()
    }

    /// Latency beyond the direct way's, in microseconds.
    fn added(&self, measured: &Measured) -> [f64; 2] {
        let direct = self.peer(measured, "direct");
        direct.map_or([0.0; 2], |direct| [measured.p50() - direct.p50(), measured.p99() - direct.p99()])
    }

    fn ratios(&self, measured: &Measured, server: &str) -> Option<[f64; 3]> {
        let other = self.peer(measured, server)?;
        let ratio = |of: fn(&Measured) -> f64| of(measured) / of(other);
        Some([ratio(Measured::rate), ratio(Measured::p50), ratio(Measured::p99)])
    }

    fn peer(&self, measured: &Measured, server: &str) -> Option<&Measured> {
        self.measured.iter().find(|other| other.server == server && other.connections == measured.connections)
    }
}

impl Measured {
    fn rate(&self) -> f64 {
        median(self.rows.iter().map(rate))
    }

    /// Largest less smallest rate, as a part of the median.
    fn spread(&self) -> f64 {
        let rates: Vec<f64> = self.rows.iter().map(rate).collect();
        let (low, high) = rates.iter().fold((f64::MAX, 0.0_f64), |(low, high), rate| (low.min(*rate), high.max(*rate)));
        (high - low) / self.rate()
    }

    fn p50(&self) -> f64 {
        median(self.rows.iter().map(|row| row.figures.p50 as f64))
    }

    fn p99(&self) -> f64 {
        median(self.rows.iter().map(|row| row.figures.p99 as f64))
    }

    fn cpu_micros(&self) -> f64 {
        median(
            self.rows.iter().map(|row| row.cpu.unwrap_or_default().as_secs_f64() * 1e6 / row.figures.requests as f64),
        )
    }

    fn idle_mb(&self) -> f64 {
        median(self.rows.iter().map(|row| megabytes(row.idle_kb.unwrap_or(0))))
    }

    fn loaded_mb(&self) -> f64 {
        median(self.rows.iter().map(|row| megabytes(row.loaded_kb.unwrap_or(0))))
    }
}

fn rate(row: &Row) -> f64 {
    row.figures.requests as f64 / (row.figures.micros as f64 / 1e6)
}

fn megabytes(kb: u64) -> f64 {
    kb as f64 / 1024.0
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}
