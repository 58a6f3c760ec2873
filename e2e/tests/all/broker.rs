//! Broker mode with a certified OpenID provider and Chromium: a person logs in there, an official client gets Keyward's own
//! tokens, and what the provider takes back ends here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
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

/// The client that Keyward is at a provider.
pub(crate) struct LoginClient<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
}

/// Keyward at this address, with more lines of `[issuer]`.
pub(crate) fn scene_at(address: SocketAddr, client: &LoginClient<'_>, more: &str) -> Result<Scene> {
    let lines = format!(
        "kind = \"oidc\"\nissuer = {:?}\nbroker = true\nclient_id = {:?}\nclient_secret = \"env:IDP_SECRET\"\n\
         allow_private_addresses = true\n{more}",
        client.issuer, client.id
    );
    let configuration = Configuration::sqlite().server(&format!("public_url = \"http://{address}\"")).issuer(&lines);
    Scene::with(configuration, |keyward| {
        keyward.set_environment("KEYWARD__SERVER__LISTEN", &address.to_string());
        keyward.set_environment("IDP_SECRET", client.secret);
        Ok(())
    })
}

/// Keyward, at an address that the provider knows, and the provider.
pub(crate) fn scene(issuer: &str) -> Result<(Scene, Provider)> {
    let address = free_address()?;
    let provider = Provider::start(&json!({
        "redirect_uris": [format!("http://{address}/login/callback")],
        "backchannel_logout_uri": format!("http://{address}/login/backchannel_logout"),
        "offline_access": true,
    }))?;
    let client = LoginClient { issuer: &provider.issuer, id: "keyward", secret: "s3cret" };
    Ok((scene_at(address, &client, issuer)?, provider))
}

/// What an official client does from nothing but a URL, and whether it then waits for the end of its token and refreshes,
/// for which that has to be short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    LogInAndCall,
    AndRefresh,
}

/// Consent here, login and consent on these pages there, a code and tokens of ours, a call.
pub(crate) fn go(client: Client, scene: &Scene, person: &Person, there: &[&str], way: Way) -> Result<Transcript> {
    scene.keyward.run_ok(&["user", "invite", "--email", &person.email], "")?;
    let mut steps = vec![json!({ "do": "login" }), json!({ "do": "call", "tool": "read_note" })];
    if way == Way::AndRefresh {
        steps.push(json!({ "do": "wait_expiry", "margin_ms": 5500 }));
        steps.push(json!({ "do": "call_until_refreshed", "tool": "read_note" }));
    }
    let transcript = client.run(&script(&scene.resource(), person, &steps))?;
    assert_eq!(transcript.called(1), "the note");
    if way == Way::AndRefresh {
        assert_eq!(transcript.step(3)["authorizations"], 0, "a refresh needs no person");
    }
    // The client is asked about here before anything leaves for the provider, which asks about Keyward.
    let ride = *transcript.events("pages").first().context("no ride")?;
    let pages = ride["pages"].as_array().context("pages")?;
    let kinds: Vec<&str> = pages.iter().filter_map(|page| page["kind"].as_str()).collect();
    assert_eq!(kinds.first(), Some(&"consent"), "{ride}");
    assert_eq!(kinds.get(1..=there.len()), Some(there), "{ride}");
    for token in transcript.events("token").into_iter().filter(|token| token["status"] == 200) {
        let token = token["answer"]["access_token"].as_str().context("access_token")?;
        assert_eq!(jwt::claims(token)?["iss"], scene.keyward.url(), "a token of the provider's");
    }
    let listed = scene.keyward.list(&["connection", "list"])?;
    assert_eq!((&listed[0]["connection"], &listed[0]["owner"]), (&json!("login"), &json!(person.email)));
    let verdict = scene.keyward.list(&["audit", "verify"])?;
    assert_eq!(verdict["first_bad"], Value::Null, "{verdict}");
    ensure!(
        !scene.keyward.written().contains("gave no refresh token"),
        "nobody could be asked whether the login stands"
    );
    Ok(transcript)
}

/// What a client has after its login.
pub(crate) struct Connected {
    pub(crate) profile: PathBuf,
    pub(crate) store: PathBuf,
    pub(crate) client_id: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// Logs in with a browser and a client that remember.
pub(crate) fn connect(scene: &Scene, person: &Person) -> Result<Connected> {
    let (profile, store) = (scene.keyward.path("profile"), scene.keyward.path("client.json"));
    log_in(scene, person, &profile, &store)?;
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(&store)?)?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("not remembered");
    let (tokens, client_id) = (&stored["tokens"], text(&stored["client"]["client_id"])?);
    let (access, refresh) = (text(&tokens["access_token"])?, text(&tokens["refresh_token"])?);
    assert_eq!(jwt::claims(&access)?["iss"], scene.keyward.url());
    assert_eq!(scene.status_with(&access)?, 200);
    Ok(Connected { profile, store, client_id, access, refresh })
}

fn log_in(scene: &Scene, person: &Person, profile: &Path, store: &Path) -> Result<Transcript> {
    let mut login = script(&scene.resource(), person, &[json!({ "do": "login" })]);
    login["person"]["profile"] = json!(profile);
    login["store"] = json!(store);
    Client::TypeScript2.run(&login)
}

/// The person logs out there, by `ride`: what their clients have here ends.
pub(crate) fn ends_with_a_logout(scene: &Scene, person: &Person, mut ride: Value) -> Result<()> {
    let connected = connect(scene, person)?;
    ride["profile"] = json!(connected.profile);
    ride_through(&ride)?.succeeded()?;
    let ended = || Ok((scene.status_with(&connected.access)? == 401).then_some(()));
    wait::until("the logout to be heard of", ended)?;
    let transcript = log_in(scene, person, &connected.profile, &connected.store)?;
    assert_eq!(transcript.step(0)["authorizations"], 1, "the refresh token had ended, too");
    Ok(())
}

fn at_oidc_provider(client: Client) -> Result<()> {
    let (scene, provider) = scene("access_token_lifetime = \"5s\"")?;
    let transcript = go(client, &scene, &ada(), &["provider_login", "provider_consent"], Way::AndRefresh)?;
    let minted = provider.told("minted");
    assert!(!minted.is_empty());
    let written = scene.keyward.written();
    for token in minted {
        let token = token["access_token"].as_str().context("a token")?;
        assert!(!transcript.text.contains(token), "the client was shown a token of the provider");
        assert!(!written.contains(token), "a token of the provider stands in what Keyward wrote");
    }
    Ok(())
}

#[test]
fn typescript_1_logs_in_at_a_provider() -> Result<()> {
    at_oidc_provider(Client::TypeScript1)
}

#[test]
fn typescript_2_logs_in_at_a_provider() -> Result<()> {
    at_oidc_provider(Client::TypeScript2)
}

#[test]
fn python_logs_in_at_a_provider() -> Result<()> {
    at_oidc_provider(Client::Python)
}

#[test]
fn rmcp_logs_in_at_a_provider() -> Result<()> {
    at_oidc_provider(Client::Rmcp)
}

#[test]
fn a_logout_at_the_provider_ends_what_the_client_has() -> Result<()> {
    let (scene, provider) = scene("sign_up = \"open\"\nscopes = [\"openid\", \"email\"]")?;
    let out = json!({
        "start": format!("{}/session/end", provider.issuer), "click": ["button[name=logout]"], "email": "", "password": "",
    });
    ends_with_a_logout(&scene, &ada(), out)?;
    // Two logins that nobody can ask about: what is to be done is said once.
    assert_eq!(scene.keyward.written().matches("gave no refresh token").count(), 1);
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
