//! Broker mode with a certified OpenID provider and Chromium: a person logs in there, an official client gets Keyward's own
//! tokens, and what the provider takes back ends here.

use anyhow::{Context, Result};
use keyward_e2e::client::{Client, Transcript, script};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::jwt;
use keyward_e2e::person::{Person, ride_through};
use keyward_e2e::wait;
use serde_json::{Value, json};

use crate::connections::{Provider, free_address};
use crate::scene::Scene;

/// Whoever logs in there is who they say; the password is the provider's affair.
fn ada() -> Person {
    Person { email: "ada@example.com".to_owned(), password: "known to the provider".to_owned() }
}

/// Keyward, at an address that the provider knows, and the provider.
pub(crate) fn scene(issuer: &str) -> Result<(Scene, Provider)> {
    let address = free_address()?;
    let provider = Provider::start(&json!({
        "redirect_uris": [format!("http://{address}/login/callback")],
        "backchannel_logout_uri": format!("http://{address}/login/backchannel_logout"),
    }))?;
    let lines = format!(
        "kind = \"oidc\"\nissuer = {:?}\nbroker = true\nclient_id = \"keyward\"\nclient_secret = \"env:IDP_SECRET\"\n\
         scopes = [\"openid\", \"email\"]\nallow_private_addresses = true\n{issuer}",
        provider.issuer
    );
    let configuration = Configuration::sqlite().server(&format!("public_url = \"http://{address}\"")).issuer(&lines);
    let scene = Scene::with(configuration, |keyward| {
        keyward.set_environment("KEYWARD__SERVER__LISTEN", &address.to_string());
        keyward.set_environment("IDP_SECRET", "s3cret");
        Ok(())
    })?;
    Ok((scene, provider))
}

fn kinds(transcript: &Transcript) -> Result<Vec<String>> {
    let ride = *transcript.events("pages").first().context("no ride")?;
    let pages = ride["pages"].as_array().context("pages")?;
    Ok(pages.iter().filter_map(|page| page["kind"].as_str().map(str::to_owned)).collect())
}

/// From nothing but a URL: consent here, login there, a code and tokens of ours, a call, a refresh.
fn whole_way(client: Client) -> Result<()> {
    let (scene, provider) = scene("access_token_lifetime = \"5s\"")?;
    scene.keyward.run_ok(&["user", "invite", "--email", "ada@example.com"], "")?;
    let steps = [
        json!({ "do": "login" }),
        json!({ "do": "call", "tool": "read_note" }),
        json!({ "do": "wait_expiry", "margin_ms": 5500 }),
        json!({ "do": "call_until_refreshed", "tool": "read_note" }),
    ];
    let transcript = client.run(&script(&scene.resource(), &ada(), &steps))?;
    assert_eq!(transcript.called(1), "the note");
    assert_eq!(transcript.step(3)["authorizations"], 0, "a refresh needs no person");
    // The client is asked about here before anything leaves for the provider, which asks about Keyward.
    let kinds = kinds(&transcript)?;
    assert_eq!(kinds[..3], ["consent", "provider_login", "provider_consent"], "{kinds:?}");
    let minted = provider.told("minted");
    assert!(!minted.is_empty());
    let written = scene.keyward.written();
    for token in minted {
        let token = token["access_token"].as_str().context("a token")?;
        assert!(!transcript.text.contains(token), "the client was shown a token of the provider");
        assert!(!written.contains(token), "a token of the provider stands in what Keyward wrote");
    }
    let listed = scene.keyward.list(&["connection", "list"])?;
    assert_eq!((&listed[0]["connection"], &listed[0]["owner"]), (&json!("login"), &json!("ada@example.com")));
    let verdict = scene.keyward.list(&["audit", "verify"])?;
    assert_eq!(verdict["first_bad"], Value::Null, "{verdict}");
    Ok(())
}

#[test]
fn typescript_1_logs_in_at_a_provider() -> Result<()> {
    whole_way(Client::TypeScript1)
}

#[test]
fn typescript_2_logs_in_at_a_provider() -> Result<()> {
    whole_way(Client::TypeScript2)
}

#[test]
fn python_logs_in_at_a_provider() -> Result<()> {
    whole_way(Client::Python)
}

#[test]
fn rmcp_logs_in_at_a_provider() -> Result<()> {
    whole_way(Client::Rmcp)
}

#[test]
fn a_logout_at_the_provider_ends_what_the_client_has() -> Result<()> {
    let (scene, provider) = scene("sign_up = \"open\"")?;
    let (profile, store) = (scene.keyward.path("profile"), scene.keyward.path("client.json"));
    let mut login = script(&scene.resource(), &ada(), &[json!({ "do": "login" })]);
    login["person"]["profile"] = json!(profile);
    login["store"] = json!(store);
    Client::TypeScript2.run(&login)?;
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(&store)?)?;
    let token = stored["tokens"]["access_token"].as_str().context("no access token")?;
    assert_eq!(jwt::claims(token)?["iss"], scene.keyward.url());
    assert_eq!(scene.status_with(token)?, 200);

    let out = json!({
        "start": format!("{}/session/end", provider.issuer), "profile": profile, "click": ["button[name=logout]"],
        "email": "", "password": "",
    });
    ride_through(&out)?.succeeded()?;
    wait::until("the logout to be heard of", || Ok((scene.status_with(token)? == 401).then_some(())))?;
    let mut again = script(&scene.resource(), &ada(), &[json!({ "do": "login" })]);
    again["person"]["profile"] = json!(profile);
    again["store"] = json!(store);
    let transcript = Client::TypeScript2.run(&again)?;
    assert_eq!(transcript.step(0)["authorizations"], 1, "the refresh token had ended, too");
    Ok(())
}

#[test]
fn somebody_who_was_not_invited_is_told_so_and_has_no_account() -> Result<()> {
    let (scene, _provider) = scene("")?;
    let ride = json!({
        "start": format!("{}/login", scene.keyward.url()), "click": ["button[data-login-provider]"],
        "email": "eve@example.com", "password": "",
    });
    // The button comes first, and then the pages of the provider.
    let answer = ride_through(&ride)?.succeeded()?.json_lines()?.pop().context("no answer")?;
    let text = answer["ended"]["text"].as_str().unwrap_or_default();
    assert!(text.contains("You have no account here") && text.contains("eve@example.com"), "{answer}");
    assert_eq!(scene.keyward.list(&["user", "list"])?, json!([]));
    Ok(())
}
