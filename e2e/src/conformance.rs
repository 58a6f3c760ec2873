//! The official conformance suite (`@modelcontextprotocol/conformance`).

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::process::{self, Running};
use crate::workspace;

/// What the suite found.
#[derive(Debug)]
pub struct Report {
    /// The whole answer of the rig's program.
    pub answer: Value,
    /// How the program ended.
    pub succeeded: bool,
}

impl Report {
    /// The status of each check by its scenario and id, in order.
    pub fn statuses(&self) -> BTreeMap<String, Vec<(String, String)>> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let scenarios = self.answer["scenarios"].as_object().into_iter().flatten();
        let checks = |checks: &Value| {
            let checks = checks.as_array().into_iter().flatten();
            checks.map(|check| (text(&check["id"]), text(&check["status"]))).collect()
        };
        scenarios.map(|(name, found)| (name.clone(), checks(found))).collect()
    }

    /// The suite's own exit code.
    pub fn exit_code(&self) -> Option<i64> {
        self.answer["exit_code"].as_i64()
    }
}

/// Its `authorization` mode.
pub fn authorization(script: &Value) -> Result<Report> {
    run("conformance-authorization.mjs", script)
}

/// The scenarios of its `server` mode that this revision requires.
pub fn server(url: &str, requirements: &str) -> Result<Report> {
    run("conformance-server.mjs", &json!({ "url": url, "requirements": requirements }))
}

fn run(program: &str, script: &Value) -> Result<Report> {
    let mut command = Command::new(workspace::node()?);
    let ended = process::run(command.arg(workspace::node_program(program)).arg("-"), script.to_string().as_bytes())?;
    let answer = ended.json_lines()?.pop().with_context(|| format!("{program}: {}", ended.output()))?;
    Ok(Report { answer, succeeded: ended.status.success() })
}

/// A relay that adds a bearer token, since the suite cannot be given one.
pub struct Relay {
    _process: Running,
    /// Where the suite goes instead.
    pub url: String,
}

impl Relay {
    /// A relay to `target`.
    pub fn start(target: &str, bearer: &str) -> Result<Self> {
        let script = json!({ "target": target, "bearer": bearer }).to_string();
        let mut command = Command::new(workspace::node()?);
        let mut process =
            Running::start(command.arg(workspace::node_program("relay.mjs")).arg("-"), script.as_bytes())?;
        let url = process.wait_for_event("listening")?["url"].as_str().context("no url")?.to_owned();
        Ok(Self { _process: process, url })
    }
}
