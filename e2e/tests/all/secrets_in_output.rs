//! Secrets are planted, everything is done with them, and then all that Keyward wrote is searched: what commands print, the
//! log at its most talkative, the audit log, and the files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::http::Request;
use keyward_e2e::oauth::{Client, Tokens};
use keyward_e2e::person::{Person, sign_up};

use crate::scene::{SERVICE_TOKEN, Scene, call};

#[test]
fn no_secret_is_written_in_the_open() -> Result<()> {
    let configuration = Configuration::sqlite();
    let mut scene = Scene::new(configuration)?;
    scene.keyward.set_environment("KEYWARD__LOG__LEVEL", "trace");
    scene.keyward.restart()?;
    let mut secrets = vec![("the service token", SERVICE_TOKEN.to_owned())];

    let (Person { email, password }, mut browser) = sign_up(&scene.keyward)?;
    secrets.push(("the password", password));
    let session = browser.cookies().values().next().context("a session cookie")?.clone();
    secrets.push(("the session cookie", session));
    let client = Client::register(&scene.keyward)?;
    let resource = scene.resource();
    let code = client.code(&mut browser, &resource, "notes:read")?;
    let tokens = Tokens::of(&client.token(&client.redemption(&code, &resource))?)?;
    let refreshed = Tokens::of(&client.token(&client.refreshing(&tokens.refresh))?)?;
    secrets.push(("the code", code.clone()));
    secrets.push(("the code verifier", keyward_e2e::oauth::VERIFIER.to_owned()));
    for (what, tokens) in [("login", &tokens), ("refresh", &refreshed)] {
        secrets.push((what, tokens.access.rsplit('.').next().context("a signature")?.to_owned()));
        secrets.push((what, tokens.refresh.clone()));
    }
    scene.status_with(&refreshed.access)?;
    scene.keyward.send(&call("/notes/mcp", "delete_note").bearer(&refreshed.access))?;
    scene.keyward.send(&Request::get(&format!("/notes/mcp?access_token={}", refreshed.access)))?;
    scene.keyward.send(&call("/notes/mcp", "read_note").bearer("kwd_planted-token-that-is-wrong"))?;
    secrets.push(("a wrong token", "planted-token-that-is-wrong".to_owned()));
    client.token(&client.redemption(&code, &resource))?;
    client.revoke(&refreshed.refresh)?;
    for listing in [
        &["token", "list"][..],
        &["user", "list"],
        &["client", "list"],
        &["bearer", "list"],
        &["key", "list"],
        &["audit", "list"],
    ] {
        scene.keyward.list(listing)?;
        scene.keyward.run_ok(listing, "")?;
    }
    scene.keyward.run_ok(&["token", "show", "notes/api_token"], "")?;
    scene.keyward.run_ok(&["config", "check"], "")?;
    let root_key = std::fs::read_to_string(scene.keyward.path("keyward.key"))?.trim().to_owned();
    scene.keyward.stop()?.succeeded()?;

    let written = scene.keyward.written();
    assert!(written.contains(&email) && written.len() > 2000, "there is something to search: {} bytes", written.len());
    for (what, secret) in secrets.iter().map(|(what, secret)| (*what, secret)).chain([("the root key", &root_key)]) {
        assert!(!written.contains(secret.as_str()), "{what} was printed:\n{}", lines_with(&written, secret));
    }
    // A development token and a one-time link are shown once, to whoever made them; a key file holds the key.
    for file in files_below(scene.keyward.home())? {
        let bytes = std::fs::read(&file)?;
        for (what, secret) in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{what} lies in the open in {}", file.display());
        }
    }
    Ok(())
}

#[test]
fn a_development_token_and_a_link_are_not_kept() -> Result<()> {
    let mut scene = Scene::new(Configuration::sqlite())?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    let link = scene.keyward.run_ok(&["user", "invite", "--email", "ada@example.com"], "")?;
    let link = keyward_e2e::person::link_in(&link)?;
    let token = link.rsplit('/').next().context("a token")?.to_owned();
    scene.status_with(&bearer)?;
    scene.keyward.send(&Request::get(&format!("/invite/{token}")))?;
    let log = scene.keyward.stop()?.succeeded()?.output();
    for secret in [&bearer, &token] {
        assert!(!log.contains(secret.as_str()), "in the log:\n{}", lines_with(&log, secret));
        let database = std::fs::read(scene.keyward.path("keyward.db"))?;
        assert!(!database.windows(secret.len()).any(|window| window == secret.as_bytes()), "in the database");
    }
    Ok(())
}

fn lines_with(text: &str, word: &str) -> String {
    text.lines().filter(|line| line.contains(word)).take(5).collect::<Vec<_>>().join("\n")
}

/// Every file in a folder and in the folders below it.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => files.extend(files_below(&entry.path())?),
            false => files.push(entry.path()),
        }
    }
    Ok(files)
}
