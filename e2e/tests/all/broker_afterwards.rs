//! Broker mode after the login, with a certified OpenID provider and Chromium: calls that carry the provider's own tokens, an
//! account that is closed there, and logging out at both.

use std::fs;

use anyhow::{Context, Result, ensure};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::keyward::Keyward;
use keyward_e2e::oauth::{self, Client, Tokens, authorization_target, changed};
use keyward_e2e::person::ride_through;
use keyward_e2e::upstream::scripted::Scripted;
use keyward_e2e::wait;
use serde_json::{Value, json};
use url::Url;

use crate::connections::{Provider, free_address, got, mirror};
use crate::scene::{call, initialize};

/// Keyward before a server that answers with the credential that it got, and the provider. Its files `closed` and `away` do
/// what `oauth-provider.mjs` says.
fn started(mut options: Value) -> Result<(Keyward, Provider, Scripted)> {
    let (address, upstream) = (free_address()?, mirror()?);
    let mut keyward = Keyward::in_empty_folder()?;
    options["redirect_uris"] = json!([format!("http://{address}/login/callback")]);
    (options["closed"], options["away"]) = (json!(keyward.path("closed")), json!(keyward.path("away")));
    let provider = Provider::start(&options)?;
    let issuer = format!(
        "kind = \"oidc\"\nissuer = {:?}\nbroker = true\nclient_id = \"keyward\"\nclient_secret = \"env:IDP_SECRET\"\n\
         scopes = [\"openid\", \"email\"]\nallow_private_addresses = true\nsign_up = \"open\"",
        provider.issuer
    );
    let configuration = Configuration::sqlite().server(&format!("public_url = \"http://{address}\"")).issuer(&issuer);
    let server = Server::new("mine", &upstream.url()).connection("login");
    keyward.configure(&configuration.behind(&server).text())?;
    keyward.set_environment("KEYWARD__SERVER__LISTEN", &address.to_string());
    keyward.set_environment("IDP_SECRET", "s3cret");
    keyward.start()?;
    Ok((keyward, provider, upstream))
}

/// A person goes through pages in a browser that keeps its cookies.
fn ride(keyward: &Keyward, email: &str, start: &str, more: &Value) -> Result<Value> {
    let mut ride = json!({ "start": start, "email": email, "password": "", "profile": keyward.path(email) });
    for (name, value) in more.as_object().into_iter().flatten() {
        ride[name] = value.clone();
    }
    ride_through(&ride)?.succeeded()?.json_lines()?.pop().context("no answer")
}

fn kinds(ride: &Value) -> Vec<&str> {
    ride["pages"].as_array().into_iter().flatten().filter_map(|page| page["kind"].as_str()).collect()
}

/// A client of a person, by way of the pages here and at the provider.
fn client(keyward: &Keyward, email: &str) -> Result<(Client, Tokens)> {
    // The browser has to arrive somewhere; what it arrives with is in its address.
    let redirect_uri = format!("{}/healthz", keyward.url());
    let mut metadata = oauth::registration();
    metadata["redirect_uris"] = json!([redirect_uri]);
    let (client, resource) = (Client::register_as(keyward, &metadata)?, keyward.resource("mine"));
    let here = [("redirect_uri", Some(redirect_uri.as_str()))];
    let asked = changed(&client.authorization(&resource, "mine:read"), &here);
    let start = format!("{}{}", keyward.url(), authorization_target(&asked));
    let answer = ride(keyward, email, &start, &json!({ "until": redirect_uri }))?;
    let arrived = Url::parse(answer["ended"]["url"].as_str().context("no end")?)?;
    let code = arrived.query_pairs().find(|(name, _)| name == "code").with_context(|| format!("no code: {answer}"))?.1;
    let tokens = Tokens::of(&client.token(&changed(&client.redemption(&code, &resource), &here))?)?;
    Ok((client, tokens))
}

#[test]
fn a_call_carries_the_callers_own_token_of_the_provider() -> Result<()> {
    let (keyward, provider, _upstream) = started(json!({ "access_token_seconds": 4 }))?;
    let (ada, eve) = ("ada@example.com", "eve@example.com");
    let ((ada_client, of_ada), (_, of_eve)) = (client(&keyward, ada)?, client(&keyward, eve)?);
    let request = |tokens: &Tokens| call("/mine/mcp", "x").bearer(&tokens.access);
    let first = got(&keyward.send(&request(&of_ada))?)?;
    wait::until("her token to be refreshed", || {
        let (by_ada, by_eve) = (got(&keyward.send(&request(&of_ada))?)?, got(&keyward.send(&request(&of_eve))?)?);
        ensure!(provider.tokens_of(ada).contains(&by_ada), "{by_ada}");
        ensure!(provider.tokens_of(eve).contains(&by_eve), "{by_eve}");
        Ok((by_ada != first).then_some(()))
    })?;
    assert!(provider.told("refused").is_empty(), "{:?}", provider.told("refused"));

    keyward.run_ok(&["connection", "end", "login", "--owner", ada, "--yes"], "")?;
    let told = wait::until("the end to be heard of", || {
        let answer = keyward.send(&request(&of_ada))?;
        Ok((answer.status != 200).then_some(answer))
    })?;
    assert_eq!(told.status, 403, "{}", told.text());
    let data = &told.json()?["error"]["data"];
    let connect_url = format!("{}/login?again=1", keyward.url());
    assert_eq!((&data["reason"], &data["connect_url"]), (&json!("not_connected"), &json!(connect_url)));
    got(&keyward.send(&request(&of_eve))?)?;
    let refreshed = ada_client.token(&ada_client.refreshing(&of_ada.refresh))?;
    assert_eq!((refreshed.status, &refreshed.json()?["error"]), (400, &json!("invalid_grant")));

    // There she logs in again, and what was connected goes on.
    let back = ride(&keyward, ada, &connect_url, &json!({ "click": ["button[data-login-provider]"] }))?;
    assert_eq!(back["ended"]["url"], format!("{}/account", keyward.url()), "{back}");
    assert!(provider.tokens_of(ada).contains(&got(&keyward.send(&request(&of_ada))?)?));
    let of_ada = Tokens::of(&ada_client.token(&ada_client.refreshing(&of_ada.refresh))?)?;
    got(&keyward.send(&request(&of_ada))?)?;

    let written = keyward.written();
    for token in provider.told("minted") {
        let token = token["access_token"].as_str().context("a token")?;
        assert!(!written.contains(token), "a token of the provider stands in what Keyward wrote");
    }
    Ok(())
}

/// The newest record of an act that one of these words is in, and its detail.
fn recorded(keyward: &Keyward, action: &str, word: &str) -> Result<Option<Value>> {
    let records = keyward.list(&["audit", "list", "--action", action])?;
    let mut records = records.as_array().cloned().unwrap_or_default().into_iter();
    Ok(records.find(|record| record.to_string().contains(word)))
}

#[test]
fn an_account_that_is_closed_there_ends_here_and_silence_ends_nothing() -> Result<()> {
    let (keyward, _provider, _upstream) = started(json!({ "access_token_seconds": 4 }))?;
    let (ada, eve) = ("ada@example.com", "eve@example.com");
    let ((ada_client, mut of_ada), (eve_client, of_eve)) = (client(&keyward, ada)?, client(&keyward, eve)?);
    let status =
        |tokens: &Tokens| -> Result<u16> { Ok(keyward.send(&initialize("/mine/mcp").bearer(&tokens.access))?.status) };
    let account = |email| ride(&keyward, email, &format!("{}/account", keyward.url()), &json!({}));
    let mut refresh = || -> Result<()> {
        of_ada = Tokens::of(&ada_client.token(&ada_client.refreshing(&of_ada.refresh))?)?;
        Ok(())
    };

    fs::write(keyward.path("away"), "")?;
    wait::until("the provider to be asked in vain", || {
        refresh()?;
        Ok(recorded(&keyward, "connection.refresh", "\"failed\"")?.map(drop))
    })?;
    refresh()?;
    let page = account(ada)?;
    assert_eq!(page["ended"]["url"], format!("{}/account", keyward.url()), "still logged in: {page}");
    fs::remove_file(keyward.path("away"))?;
    wait::until("the provider to be asked again", || {
        refresh()?;
        Ok(recorded(&keyward, "connection.refresh", "\"ok\"")?.map(drop))
    })?;
    refresh()?;
    assert!(recorded(&keyward, "grant.revoke", "")?.is_none(), "nothing has ended");

    fs::write(keyward.path("closed"), format!("somebody\n{ada}\n"))?;
    let refused = wait::until("the provider to refuse", || {
        let answer = ada_client.token(&ada_client.refreshing(&of_ada.refresh))?;
        if answer.status == 200 {
            of_ada = Tokens::of(&answer)?;
            return Ok(None);
        }
        Ok(Some(answer))
    })?;
    assert_eq!((refused.status, &refused.json()?["error"]), (400, &json!("invalid_grant")));
    assert_eq!(status(&of_ada)?, 401, "her access token has ended, too");
    let page = account(ada)?;
    let url = page["ended"]["url"].as_str().unwrap_or_default();
    assert!(url.starts_with(&format!("{}/login", keyward.url())), "logged out: {page}");
    let record = wait::until("the record", || recorded(&keyward, "grant.revoke", "provider_refused"))?;
    assert_eq!((&record["user_email"], &record["result"]), (&json!(ada), &json!("ok")));
    let detail: Value = serde_json::from_str(record["detail"].as_str().context("a detail")?)?;
    assert_eq!(detail, json!({ "reason": "provider_refused", "sessions": 1, "grants": 1 }));

    let of_eve = Tokens::of(&eve_client.token(&eve_client.refreshing(&of_eve.refresh))?)?;
    assert_eq!(status(&of_eve)?, 200, "hers goes on");
    keyward.run_ok(&["audit", "verify"], "")?;
    Ok(())
}

#[test]
fn logging_out_here_leads_to_logging_out_there() -> Result<()> {
    let (keyward, provider, _upstream) = started(json!({}))?;
    let (login, account) = (format!("{}/login", keyward.url()), format!("{}/account", keyward.url()));
    let go = |start: &str, click: &[&str]| ride(&keyward, "ada@example.com", start, &json!({ "click": click }));
    let log_in = || -> Result<Vec<String>> {
        let ride = go(&login, &["button[data-login-provider]"])?;
        ensure!(ride["ended"]["url"] == account, "the ride ended at {ride}");
        Ok(kinds(&ride).into_iter().map(str::to_owned).collect())
    };
    assert!(log_in()?.contains(&"provider_login".to_owned()));

    let here_only = go(&account, &["form[action$='/logout'] button"])?;
    let text = here_only["ended"]["text"].as_str().unwrap_or_default();
    assert!(text.contains("You are logged out") && text.contains("Log out at"), "{here_only}");
    let closed = go(&account, &[])?["ended"]["url"].clone();
    assert!(closed.as_str().is_some_and(|url| url.starts_with(&login)), "logged out here: {closed}");
    assert!(!log_in()?.contains(&"provider_login".to_owned()), "and still logged in there");

    let both = go(&account, &["form[action$='/logout'] button", "a[data-end-session]", "button[name=logout]"])?;
    let ended = both["ended"]["url"].as_str().unwrap_or_default();
    assert!(ended.starts_with(&format!("{}/session/end", provider.issuer)), "{both}");
    assert!(log_in()?.contains(&"provider_login".to_owned()), "the provider asks again who it is");
    Ok(())
}
