//! `cargo xtask fuzz`: the targets in `fuzz/`, built as cargo-fuzz builds them but by the stable compiler, each run for a while.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::command::{command, output, run as run_command};

/// What tells libFuzzer which code an input reached, and which constants it was compared with.
const INSTRUMENTED: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];
const TARGET_FOLDER: &str = "fuzz/target";
const DEFAULT_SECONDS: u32 = 60;
/// An input that takes a parser longer than this many seconds is a finding, too.
const SLOWEST: u32 = 10;

/// Runs the named targets, or all, one after the other; those after one that fails, too.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let Arguments { targets, seconds } = Arguments::read(arguments, &all_targets()?)?;
    let host = host()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let place = ["--manifest-path", "fuzz/Cargo.toml", "--target-dir", TARGET_FOLDER];
    // Named even where it is this machine's, so that build scripts and macros are not instrumented.
    let mut build = command(cargo, ["build", "--locked", "--target", &host]);
    build.args(place).env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTED.join("\x1f"));
    build.args(targets.iter().flat_map(|target| ["--bin", target]));
    run_command(&mut build)?;

    let mut failed = Vec::new();
    for target in &targets {
        if let Err(error) = run_command(&mut fuzzer(&host, target, seconds)?) {
            eprintln!("{error:#}");
            failed.push(target.as_str());
        }
    }
    ensure!(failed.is_empty(), "{} failed; the inputs are in fuzz/artifacts/", failed.join(", "));
    Ok(())
}

/// What it finds interesting is kept in `corpus/`, and what it finds wrong in `artifacts/`; neither is in git.
fn fuzzer(host: &str, target: &str, seconds: u32) -> Result<Command> {
    let (corpus, artifacts) = (format!("fuzz/corpus/{target}"), format!("fuzz/artifacts/{target}/"));
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {folder}"))?;
    }
    let mut fuzzer =
        command(format!("{TARGET_FOLDER}/{host}/debug/{target}"), [corpus, format!("fuzz/seeds/{target}")]);
    fuzzer.arg(format!("-max_total_time={seconds}")).arg(format!("-timeout={SLOWEST}"));
    fuzzer.arg(format!("-artifact_prefix={artifacts}"));
    Ok(fuzzer)
}

fn all_targets() -> Result<Vec<String>> {
    let mut targets = Vec::new();
    for entry in fs::read_dir("fuzz/targets").context("cannot read fuzz/targets")? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        targets.push(name.with_context(|| format!("{} has no plain name", path.display()))?.to_owned());
    }
    targets.sort();
    Ok(targets)
}

/// The platform that the compiler runs on.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let told = output(&mut command(Path::new(&rustc), ["-vV"])).context("rustc does not run")?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc does not name its platform")?;
    Ok(host.to_owned())
}

#[derive(Debug, PartialEq)]
struct Arguments {
    targets: Vec<String>,
    seconds: u32,
}

impl Arguments {
    fn read(given: &[String], all: &[String]) -> Result<Self> {
        let mut arguments = Self { targets: Vec::new(), seconds: DEFAULT_SECONDS };
        let mut given = given.iter().map(String::as_str);
        while let Some(argument) = given.next() {
            match argument {
                "--seconds" => {
                    let number = given.next().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
                    // libFuzzer takes 0 for no end.
                    arguments.seconds = number.context("--seconds needs a number from 1")?;
                }
                option if option.starts_with('-') => bail!("there is no option {option}"),
                target => {
                    ensure!(all.iter().any(|own| own == target), "there is no target {target}, but {}", all.join(", "));
                    arguments.targets.push(target.to_owned());
                }
            }
        }
        if arguments.targets.is_empty() {
            arguments.targets = all.to_vec();
        }
        Ok(arguments)
    }
}
