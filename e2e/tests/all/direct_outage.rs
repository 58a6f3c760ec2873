//! The provider is away: what can be verified goes on, and the rest is told to come again, never that its token is bad.

use anyhow::{Context, Result, ensure};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::http::Request;
use keyward_e2e::stytch::Issuer;
use keyward_e2e::wait;
use serde_json::{Value, json};

use crate::direct::free_address;
use crate::scene::{Scene, initialize};

/// Options of an issuer that can be started again at the same address, with the same keys.
fn options(folder: &std::path::Path) -> Result<Value> {
    Ok(json!({ "port": free_address()?.port(), "keys": folder.join("keys.json") }))
}

/// It is no fault of the token, and the client may try again.
fn says_later(scene: &Scene, token: &str) -> Result<()> {
    let answer = scene.keyward.send(&initialize("/notes/mcp").bearer(token))?;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some(), "when to try again");
    assert!(answer.header("www-authenticate").is_none(), "logging in again would not help");
    Ok(())
}

#[test]
fn direct_provider_is_down_at_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let options = options(folder.path())?;
    let issuer = Issuer::start(&options)?;
    let token = issuer.mint_one("as documented")?;
    let (lines, name) = (issuer.lines(), issuer.issuer.clone());
    issuer.kill()?;

    let scene = Scene::new(Configuration::sqlite().issuer(&lines))?;
    let document = scene.keyward.send(&Request::get("/.well-known/oauth-protected-resource/notes/mcp"))?.json()?;
    assert_eq!(document["authorization_servers"], json!([name]));
    let own = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    assert_eq!(scene.status_with(&own)?, 200, "what needs no provider goes on");
    says_later(&scene, &token)?;
    let written = scene.keyward.written();
    ensure!(written.contains(&name), "no word of which issuer is away: {written}");

    let _issuer = Issuer::start(&options)?;
    wait::until("the provider's tokens to be taken", || Ok((scene.status_with(&token)? == 200).then_some(())))
}

#[test]
fn direct_provider_is_killed_while_serving() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let options = options(folder.path())?;
    let issuer = Issuer::start(&options)?;
    let mut scene = Scene::new(Configuration::sqlite().issuer(&issuer.lines()))?;
    let [seen, unseen, older, unknown] = [
        "as documented",
        "custom claims of every kind",
        "signed by the key before this one",
        "key that is not in the set",
    ]
    .map(|kind| issuer.mint_one(kind).with_context(|| kind.to_owned()));
    let (seen, unseen, older, unknown) = (seen?, unseen?, older?, unknown?);
    wait::until("the keys to be there", || Ok((scene.status_with(&seen)? == 200).then_some(())))?;
    issuer.kill()?;

    for token in [&seen, &unseen, &older, &seen] {
        assert_eq!(scene.status_with(token)?, 200, "its key is known");
    }
    // Whether it is good nobody can say now.
    wait::until("the unknown key to be looked for", || {
        Ok((scene.keyward.send(&initialize("/notes/mcp").bearer(&unknown))?.status == 503).then_some(()))
    })?;
    says_later(&scene, &unknown)?;

    // Keys are in memory alone: a new process has none until the provider is back.
    scene.keyward.restart()?;
    says_later(&scene, &seen)?;
    let _issuer = Issuer::start(&options)?;
    wait::until("the provider's tokens to be taken", || Ok((scene.status_with(&seen)? == 200).then_some(())))?;
    wait::until("the unknown key to be refused", || Ok((scene.status_with(&unknown)? == 401).then_some(())))
}
