//! `keyward-bench door OUT.json KEYWARD [--rounds N] [--seconds N]`: requests per second, latency, CPU and memory of Keyward
//! beside the same upstream reached directly and through nginx as a plain proxy, interleaved in one run; and
//! `keyward-bench cabinet …` (see [`cabinet`]). Run both as `cargo xtask bench`. What is measured has one core, load and
//! upstream have the other.

mod audit;
mod cabinet;
mod comparison;
mod keyward;
mod nginx;
mod process;
mod report;
mod timing;
mod tokens;
mod upstream;
mod verify;
mod wrk;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use process::{LOAD_CORE, Server};
use report::{Case, Report};

const UPSTREAM_PORT: u16 = 28_080;
const NGINX_PORT: u16 = 28_081;
const KEYWARD_PORT: u16 = 28_082;
/// Enough that a round of different tokens never meets one twice within the verified-token cache.
const DISTINCT_TOKENS: usize = 200_000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["upstream", jwks] => {
            let jwks = std::fs::read_to_string(jwks)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(upstream::serve(UPSTREAM_PORT, jwks))
        }
        ["cabinet-process", what, count] => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(cabinet::process(what, count.parse()?))
        }
        ["door", out, keyward, options @ ..] => {
            let directory = directory("door")?;
            let (rounds, seconds) = (option(options, "--rounds", 3)?, option(options, "--seconds", 5)?);
            measure(&directory, Path::new(out), Path::new(keyward), rounds, seconds)
        }
        ["cabinet", out, keyward, bao, postgres, options @ ..] => {
            let ground = cabinet::Ground {
                keyward: &Path::new(keyward).canonicalize()?,
                bao: &Path::new(bao).canonicalize()?,
                postgres,
                directory: &directory("cabinet")?,
                rounds: option(options, "--rounds", 3)?,
                seconds: option(options, "--seconds", 5)?,
            };
            let report = cabinet::measure(&ground)?;
            Ok(std::fs::write(out, serde_json::to_string_pretty(&report)? + "\n")?)
        }
        _ => bail!(
            "usage: keyward-bench door OUT.json KEYWARD | cabinet OUT.json KEYWARD BAO POSTGRES_URL, and [--rounds N] [--seconds N]"
        ),
    }
}

fn option(given: &[&str], name: &str, default: u32) -> Result<u32> {
    let at = given.iter().position(|argument| *argument == name);
    at.and_then(|at| given.get(at + 1)).map_or(Ok(default), |value| Ok(value.parse()?))
}

/// An empty directory for one run.
fn directory(name: &str) -> Result<PathBuf> {
    let directory = Path::new("target/bench").join(name);
    if directory.exists() {
        std::fs::remove_dir_all(&directory)?;
    }
    std::fs::create_dir_all(&directory)?;
    Ok(directory.canonicalize()?)
}

fn measure(directory: &Path, out: &Path, keyward: &Path, rounds: u32, seconds: u32) -> Result<()> {
    let keyward = keyward.canonicalize().with_context(|| format!("{} is missing", keyward.display()))?;
    let script = Path::new("bench/post.lua").canonicalize()?;

    eprintln!("making {DISTINCT_TOKENS} tokens of each algorithm");
    let jwks = tokens::write(directory, DISTINCT_TOKENS, &keyward::resource(KEYWARD_PORT))?;
    let jwks_file = directory.join("jwks.json");
    std::fs::write(&jwks_file, jwks)?;
    let own = std::env::current_exe()?.display().to_string();
    let _upstream =
        Server::start(LOAD_CORE, &[own, "upstream".into(), jwks_file.display().to_string()], directory, UPSTREAM_PORT)?;

    let cases = cases(directory);
    eprintln!("writing audit records");
    let record_micros = audit::cpu_micros(directory)?;
    eprintln!("verifying tokens");
    let jwks_uri = format!("http://127.0.0.1:{UPSTREAM_PORT}/jwks.json");
    let verification = verify::compare(directory, &jwks_uri, &keyward::resource(KEYWARD_PORT), rounds)?;
    let mut report = Report::new(&keyward, record_micros, verification)?;
    for round in 1..=rounds {
        for case in &cases {
            eprintln!("round {round} of {rounds}: {}", case.name);
            let server = match case.server {
                "direct" => None,
                "nginx" => Some(nginx::start(directory, NGINX_PORT, UPSTREAM_PORT)?),
                _ => Some(keyward::start(&keyward, directory, KEYWARD_PORT, UPSTREAM_PORT)?),
            };
            report.add(case, measure_case(&script, case, server.as_ref(), seconds)?);
        }
    }
    report.print();
    report.write(out)
}

fn measure_case(script: &Path, case: &Case, server: Option<&Server>, seconds: u32) -> Result<report::Row> {
    let tokens = case.tokens.as_ref().map(|(file, distinct)| (file.as_path(), *distinct));
    let load = |connections, seconds| {
        wrk::run(script, &wrk::Load { port: case.port, path: case.path, tokens, connections, seconds })
    };
    let idle_kb = server.map(Server::resident_kb);
    load(case.connections, 1)?;
    let before = server.map(Server::cpu);
    let figures = load(case.connections, seconds)?;
    let cpu = server.zip(before).map(|(server, before)| server.cpu().saturating_sub(before));
    Ok(report::Row { figures, cpu, idle_kb, loaded_kb: server.map(Server::resident_kb) })
}

fn cases(directory: &Path) -> Vec<Case> {
    let file = |alg: &str| -> PathBuf { directory.join(format!("{alg}.txt")) };
    let case = |name, server, tokens, connections| {
        let (port, path) = match server {
            "direct" => (UPSTREAM_PORT, "/mcp"),
            "nginx" => (NGINX_PORT, "/mcp"),
            _ => (KEYWARD_PORT, keyward::PATH),
        };
        Case { name, server, port, path, tokens, connections }
    };
    vec![
        case("direct, 64 connections", "direct", None, 64),
        case("nginx plain proxy, 64 connections", "nginx", None, 64),
        case("keyward, repeated tokens, 64 connections", "keyward", Some((file("es256"), false)), 64),
        case("keyward, all-different ES256, 64 connections", "keyward", Some((file("es256"), true)), 64),
        case("keyward, all-different RS256, 64 connections", "keyward", Some((file("rs256"), true)), 64),
        case("direct, 1 connection", "direct", None, 1),
        case("nginx plain proxy, 1 connection", "nginx", None, 1),
        case("keyward, repeated tokens, 1 connection", "keyward", Some((file("es256"), false)), 1),
    ]
}
