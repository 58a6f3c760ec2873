//! The official MCP clients, each a program of its own that takes the same script; `node/steps.mjs` says what is in it.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::person::Person;
use crate::process;
use crate::workspace;

/// A client on an official SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// `@modelcontextprotocol/sdk` 1.x.
    TypeScript1,
    /// `@modelcontextprotocol/sdk` as it was at the revision 2025-03-26, before RFC 9728.
    TypeScript20250326,
    /// `@modelcontextprotocol/client` 2.x.
    TypeScript2,
    /// The Python package `mcp`.
    Python,
    /// The Rust crate `rmcp`.
    Rmcp,
}

impl Client {
    /// Runs a script to its end.
    pub fn run(self, script: &Value) -> Result<Transcript> {
        let ended = process::run(&mut self.command()?, script.to_string().as_bytes())?;
        let context =
            format!("{self:?} ended with {}\n--- stdout\n{}\n--- stderr\n{}", ended.status, ended.stdout, ended.stderr);
        if !ended.status.success() {
            bail!(context);
        }
        let lines = ended.json_lines().context(context)?;
        Ok(Transcript { lines, text: ended.output() })
    }

    fn command(self) -> Result<Command> {
        let command = |program, arguments: &[&std::path::Path]| {
            let mut command = Command::new(program);
            command.args(arguments).arg("-");
            command
        };
        Ok(match self {
            Self::TypeScript1 => command(workspace::node()?, &[&workspace::node_program("ts-sdk-1.mjs")]),
            Self::TypeScript20250326 => {
                command(workspace::node()?, &[&workspace::node_program("ts-sdk-2025-03-26.mjs")])
            }
            Self::TypeScript2 => command(workspace::node()?, &[&workspace::node_program("ts-sdk-2.mjs")]),
            Self::Python => command(workspace::python()?, &[&workspace::e2e().join("python/client.py")]),
            Self::Rmcp => command(workspace::built("rmcp-client")?, &[]),
        })
    }
}

/// A script for any of them.
pub fn script(server: &str, person: &Person, steps: &[Value]) -> Value {
    json!({ "server": server, "person": person.script(), "client_name": "The official client", "steps": steps })
}

/// What a client did.
#[derive(Debug)]
pub struct Transcript {
    lines: Vec<Value>,
    /// All of its output.
    pub text: String,
}

impl Transcript {
    /// What is told of a step, by its place in the script.
    pub fn step(&self, index: usize) -> &Value {
        let found = self.lines.iter().find(|line| line["event"] == "step" && line["index"] == index);
        found.unwrap_or_else(|| panic!("no step {index} in {}", self.text))
    }

    /// All events of this kind.
    pub fn events(&self, event: &str) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["event"] == event).collect()
    }

    /// The text that the tool gave in a step that called it.
    pub fn called(&self, index: usize) -> &str {
        let step = self.step(index);
        step["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {step}"))
    }
}
