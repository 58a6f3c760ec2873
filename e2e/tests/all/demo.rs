//! `keyward demo`: the whole way on nothing but defaults.

use anyhow::{Context, Result};
use keyward_e2e::client::{Client, script};
use keyward_e2e::keyward::Keyward;
use keyward_e2e::person::{Person, create_account_at, link_in};
use keyward_e2e::process::Running;
use serde_json::json;

fn demo(keyward: &Keyward, listen: &str) -> Result<(Running, String)> {
    let mut process = Running::start(&mut keyward.command(&["demo", "--listen", listen, "--dir", "demo"])?, b"")?;
    let url = process.wait_for("the URL to paste", |process| {
        let output = process.stdout() + &process.stderr();
        let line = output.lines().find(|line| line.contains("claude mcp add"))?.to_owned();
        line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
    })?;
    Ok((process, url))
}

#[test]
fn shows_the_main_job_and_finds_its_state_again() -> Result<()> {
    let keyward = Keyward::in_empty_folder()?;
    let (process, server) = demo(&keyward, "127.0.0.1:0")?;
    let public_url = server.strip_suffix("/demo/mcp").with_context(|| server.clone())?.to_owned();
    let link = link_in(&(process.stdout() + &process.stderr()))?;
    let person = Person { email: "ada@example.com".into(), password: "correct horse battery staple".into() };
    create_account_at(&link, &public_url, &person)?;
    let steps = [json!({ "do": "login" }), json!({ "do": "list_tools" }), json!({ "do": "call", "tool": "whoami" })];
    let transcript = Client::TypeScript1.run(&script(&server, &person, &steps))?;
    let whoami = transcript.called(2);
    let fingerprint = whoami.split_whitespace().find(|word| word.starts_with("sha256:")).context(whoami.to_owned())?;
    let output = process.stdout() + &process.stderr();
    assert!(output.contains(fingerprint), "{fingerprint} is not what was printed: {output}");
    assert!(whoami.contains("did not reach it"), "{whoami}");

    let key =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(keyward.path("demo/keyward.key"))?.permissions());
    assert_eq!(key & 0o777, 0o600);
    let ended = process.stop("INT")?;
    assert_eq!(ended.code(), Some(0), "Ctrl-C stops it cleanly: {}", ended.output());

    let listen = public_url.strip_prefix("http://").context("a loopback URL")?;
    let (process, same) = demo(&keyward, listen)?;
    assert_eq!(same, server);
    let output = process.stdout() + &process.stderr();
    assert!(link_in(&output).is_err(), "there is an account already, so no link is needed: {output}");
    let again = Client::TypeScript1.run(&script(&server, &person, &steps))?;
    assert_eq!(again.called(2), whoami, "the same token from the same cabinet");
    assert_eq!(process.stop("INT")?.code(), Some(0));
    Ok(())
}
