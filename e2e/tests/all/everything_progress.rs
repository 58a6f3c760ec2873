//! `@modelcontextprotocol/server-everything` behind Keyward: progress comes while the call runs.

use anyhow::{Context, Result};
use keyward_e2e::client::{Client, script};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::keyward::Keyward;
use keyward_e2e::person::create_account;
use keyward_e2e::upstream::program;
use serde_json::{Value, json};

#[test]
fn progress_reaches_the_client() -> Result<()> {
    let everything = program::everything()?;
    let keyward = Keyward::started(&Configuration::sqlite().behind(&Server::new("everything", &everything.url)))?;
    let person = create_account(&keyward)?;
    let steps = [
        json!({ "do": "login" }),
        json!({ "do": "list_tools" }),
        json!({ "do": "call", "tool": "echo", "arguments": { "message": "hello through the door" } }),
        json!({
            "do": "call", "tool": "trigger-long-running-operation", "arguments": { "duration": 1, "steps": 4 },
        }),
    ];
    let transcript = Client::TypeScript2.run(&script(&keyward.resource("everything"), &person, &steps))?;

    let tools = transcript.step(1)["tools"].as_array().context("tools")?;
    assert!(tools.contains(&json!("trigger-long-running-operation")), "{tools:?}");
    assert_eq!(transcript.called(2), "Echo: hello through the door");
    let progress = transcript.step(3)["progress"].as_array().context("progress")?;
    let told: Vec<Option<i64>> = progress.iter().map(|one| one["progress"].as_i64()).collect();
    assert_eq!(told, [Some(1), Some(2), Some(3), Some(4)], "{progress:?}");
    assert!(progress.iter().all(|one| one["total"] == 4), "{progress:?}");
    assert_eq!(transcript.step(3)["result"]["isError"], Value::Null);
    Ok(())
}
