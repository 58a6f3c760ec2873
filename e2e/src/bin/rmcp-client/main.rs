//! A client on the official Rust SDK (`rmcp`). Script, steps and output are those of `node/steps.mjs`; the statuses of MCP
//! requests are not told, since the SDK keeps them to itself.

mod application;
mod authorization;
mod output;
mod steps;

use std::io::Read;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::emit("error", &json!({ "message": format!("{error:#}") }));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let mut script = String::new();
    std::io::stdin().read_to_string(&mut script)?;
    let script: Value = serde_json::from_str(&script)?;
    output::emit("start", &json!({ "sdk": "rmcp" }));
    steps::run(&script).await?;
    output::emit("done", &json!({}));
    Ok(())
}
