//! The authorization endpoint, registration and pages, as they are not meant to be used.

use anyhow::{Context, Result};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::http::Request;
use keyward_e2e::oauth::{
    Change, Client, REDIRECT_URI, answer_of, authorization_target, challenge, changed, registration, value,
};
use keyward_e2e::page::{Browser, alert, form_with};
use keyward_e2e::person::sign_up;
use serde_json::{Value, json};

use crate::scene::Scene;

#[test]
fn nothing_is_redirected_to_an_address_that_is_not_the_clients() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let (_, mut browser) = sign_up(&scene.keyward)?;
    let client = Client::register(&scene.keyward)?;
    let good = client.authorization(&scene.resource(), "notes:read");
    let cases: [(&str, &[Change<'_>]); 9] = [
        ("no client", &[("client_id", None)]),
        ("an unknown client", &[("client_id", Some("nobody"))]),
        ("a document that is not there", &[("client_id", Some("https://127.0.0.1:9/client.json"))]),
        ("another host", &[("redirect_uri", Some("https://evil.example/callback"))]),
        ("another path", &[("redirect_uri", Some("http://127.0.0.1:9/callback/more"))]),
        ("a host that begins alike", &[("redirect_uri", Some("http://127.0.0.1.evil.example:9/callback"))]),
        ("a user before the host", &[("redirect_uri", Some("http://127.0.0.1:9@evil.example/callback"))]),
        ("a fragment", &[("redirect_uri", Some("http://127.0.0.1:9/callback#x"))]),
        ("a script", &[("redirect_uri", Some("javascript:alert(1)"))]),
    ];
    for (what, changes) in cases {
        let answer = browser.get(&authorization_target(&changed(&good, changes)))?;
        assert_eq!(answer.status, 400, "{what}");
        assert_eq!(answer.header("location"), None, "{what}");
        assert!(answer.text().contains("<h1"), "{what}: people see it, so it is a page");
    }
    let unknown = browser.get(&authorization_target(&changed(&good, &[("client_id", Some("nobody"))])))?.text();
    assert!(unknown.contains("add it again"), "it says how to reconnect: {unknown}");

    let mut twice = good.clone();
    twice.push(("redirect_uri", "https://evil.example/callback".into()));
    let answer = browser.get(&authorization_target(&twice))?;
    assert_eq!((answer.status, answer.header("location")), (400, None), "two redirect URIs");
    Ok(())
}

#[test]
fn what_is_wrong_in_the_request_goes_back_to_the_client() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let (_, mut browser) = sign_up(&scene.keyward)?;
    let client = Client::register(&scene.keyward)?;
    let good = client.authorization(&scene.resource(), "notes:read");
    let cases: [(&str, &[Change<'_>]); 9] = [
        ("invalid_request", &[("response_type", None)]),
        ("unsupported_response_type", &[("response_type", Some("token"))]),
        ("invalid_request", &[("code_challenge", None), ("code_challenge_method", None)]),
        ("invalid_request", &[("code_challenge_method", Some("plain"))]),
        ("invalid_request", &[("code_challenge_method", None)]),
        ("invalid_request", &[("code_challenge", Some("short"))]),
        ("invalid_target", &[("resource", Some("https://other.example/mcp"))]),
        ("invalid_scope", &[("scope", Some("notes:\"everything\""))]),
        ("request_not_supported", &[("request", Some("eyJhbGciOiJub25lIn0.e30."))]),
    ];
    for (error, changes) in cases {
        let answer = answer_of(&browser.get(&authorization_target(&changed(&good, changes)))?)
            .with_context(|| format!("{changes:?}"))?;
        assert_eq!(value(&answer, "error"), Some(error), "{changes:?}");
        assert_eq!(value(&answer, "state"), Some("state-1"), "{changes:?}");
        assert_eq!(value(&answer, "iss"), Some(scene.keyward.url()), "RFC 9207: {changes:?}");
        assert_eq!(value(&answer, "code"), None, "{changes:?}");
    }
    for doubled in ["state", "scope", "code_challenge", "response_type"] {
        let mut twice = good.clone();
        twice.push((doubled, "again".into()));
        let answer = answer_of(&browser.get(&authorization_target(&twice))?).with_context(|| doubled.to_owned())?;
        assert_eq!(value(&answer, "error"), Some("invalid_request"), "{doubled} twice (RFC 6749 §3.1)");
    }
    Ok(())
}

#[test]
fn silence_is_kept_where_it_was_asked_for() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let client = Client::register(&scene.keyward)?;
    let silent = changed(&client.authorization(&scene.resource(), "notes:read"), &[("prompt", Some("none"))]);
    let mut stranger = Browser::new(scene.keyward.address(), scene.keyward.url())?;
    let answer = answer_of(&stranger.get(&authorization_target(&silent))?)?;
    assert_eq!(value(&answer, "error"), Some("login_required"));
    let (_, mut browser) = sign_up(&scene.keyward)?;
    let answer = answer_of(&browser.get(&authorization_target(&silent))?)?;
    assert_eq!(value(&answer, "error"), Some("consent_required"));
    Ok(())
}

#[test]
fn a_decision_needs_the_page_that_it_was_made_on() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let (_, mut browser) = sign_up(&scene.keyward)?;
    let client = Client::register(&scene.keyward)?;
    let page = browser.get(&authorization_target(&client.authorization(&scene.resource(), "notes:read")))?;
    for (header, wanted) in [("content-security-policy", "frame-ancestors 'none'"), ("x-frame-options", "DENY")] {
        let value = page.header(header).unwrap_or_default();
        assert!(value.contains(wanted), "{header}: {value}");
    }
    let form = form_with(&page, "decision")?.with("decision", "allow");
    let decide =
        |browser: &mut Browser, form: &keyward_e2e::page::Form| -> Result<u16> { Ok(browser.submit(form)?.status) };
    assert_eq!(decide(&mut browser, &form.clone().with("csrf", "forged"))?, 403);
    assert_eq!(decide(&mut browser, &form.clone().with("csrf", ""))?, 403);
    let mut stranger = Browser::new(scene.keyward.address(), scene.keyward.url())?;
    let answer = stranger.submit(&form)?;
    assert!(answer.header("location").is_none_or(|to| !to.contains("code=")), "{:?}", answer.header("location"));

    let cookies: Vec<String> = browser.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let fields: Vec<(&str, &str)> = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let from_elsewhere = Request::form(&form.action, &fields)
        .header("Cookie", &cookies.join("; "))
        .header("Origin", "https://evil.example")
        .header("Sec-Fetch-Site", "cross-site");
    assert_eq!(scene.keyward.send(&from_elsewhere)?.status, 403, "even with the token");
    let answer = browser.submit(&form)?;
    assert!(answer.header("location").is_some_and(|to| to.contains("code=")), "and the page itself still works");
    Ok(())
}

#[test]
fn registration_takes_no_dangerous_address() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let with = |field: &str, value: Value| {
        let mut metadata = registration();
        metadata[field] = value;
        metadata
    };
    let cases = [
        ("invalid_redirect_uri", with("redirect_uris", json!(["javascript:alert(1)"]))),
        ("invalid_redirect_uri", with("redirect_uris", json!(["data:text/html,x"]))),
        ("invalid_redirect_uri", with("redirect_uris", json!(["file:///etc/passwd"]))),
        ("invalid_redirect_uri", with("redirect_uris", json!(["vbscript:x"]))),
        ("invalid_redirect_uri", with("redirect_uris", json!(["https://client.example/callback#fragment"]))),
        ("invalid_redirect_uri", with("redirect_uris", json!(["http://client.example/callback"]))),
        ("invalid_redirect_uri", with("redirect_uris", json!(["/callback"]))),
        ("invalid_redirect_uri", with("redirect_uris", json!([]))),
        ("invalid_redirect_uri", with("redirect_uris", Value::Null)),
        ("invalid_client_metadata", with("redirect_uris", json!("http://127.0.0.1:9/callback"))),
        ("invalid_client_metadata", with("token_endpoint_auth_method", json!("by_telepathy"))),
    ];
    for (error, metadata) in cases {
        let answer = scene.keyward.send(&Request::json("/register", &metadata))?;
        assert_eq!(answer.status, 400, "{metadata}");
        let body = answer.json()?;
        assert_eq!(body["error"], error, "{metadata}: {body}");
        assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")));
    }
    for (what, body) in [("no JSON", "{"), ("a list", "[]"), ("nothing", "")] {
        let request = Request::new("POST", "/register").header("Content-Type", "application/json").body(body);
        let answer = scene.keyward.send(&request)?;
        assert_eq!(answer.status, 400, "{what}");
        assert!(answer.json()?["error"].is_string(), "{what}");
    }
    let huge = with("client_name", json!("x".repeat(2 * 1024 * 1024)));
    let answer = scene.keyward.send(&Request::json("/register", &huge))?;
    assert!(matches!(answer.status, 400 | 413), "{}", answer.status);
    Ok(())
}

#[test]
fn a_mixed_list_is_registered_whole() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let mut metadata = registration();
    let uris = json!([
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "http://localhost:8787/callback",
    ]);
    metadata["redirect_uris"] = uris.clone();
    metadata["application_type"] = json!("web");
    let answer = scene.keyward.send(&Request::json("/register", &metadata))?;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()?["redirect_uris"], uris);
    Ok(())
}

#[test]
fn closed_registration_is_closed() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite().issuer("registration = \"closed\""))?;
    let metadata = scene.keyward.send(&Request::get("/.well-known/oauth-authorization-server"))?.json()?;
    assert_eq!(metadata.get("registration_endpoint"), None, "{metadata}");
    let answer = scene.keyward.send(&Request::json("/register", &registration()))?;
    assert!(matches!(answer.status, 403 | 404), "{}", answer.status);
    answer.json()?;
    Ok(())
}

#[test]
fn the_port_of_a_loopback_redirect_is_free() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let (_, mut browser) = sign_up(&scene.keyward)?;
    let mut metadata = registration();
    metadata["redirect_uris"] = json!(["http://127.0.0.1/callback"]);
    let client = Client::register_as(&scene.keyward, &metadata)?;
    let answer = Client::authorize(&mut browser, &client.authorization(&scene.resource(), "notes:read"))?;
    assert!(value(&answer, "code").is_some(), "{REDIRECT_URI} is the same but for its port: {answer:?}");
    Ok(())
}

#[test]
fn endpoints_answer_other_methods_in_json() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    for (method, path) in [
        ("GET", "/token"),
        ("GET", "/register"),
        ("GET", "/revoke"),
        ("DELETE", "/authorize"),
        ("POST", "/jwks"),
        ("POST", "/.well-known/oauth-authorization-server"),
    ] {
        let answer = scene.keyward.send(&Request::new(method, path).body(""))?;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert!(answer.json()?["error"].is_string(), "{method} {path}");
    }
    Ok(())
}

#[test]
fn links_and_passwords_are_good_once() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let output = scene.keyward.run_ok(&["user", "invite", "--email", "ada@example.com"], "")?;
    let link = keyward_e2e::person::link_in(&output)?;
    let mut browser = Browser::new(scene.keyward.address(), scene.keyward.url())?;
    let fill = |form: keyward_e2e::page::Form, password: &str, again: &str| {
        form.with("email", "eve@example.com").with("password", password).with("password_again", again)
    };
    let page = browser.get(&link)?;
    let form = form_with(&page, "password_again")?;
    for (password, again) in [("short", "short"), ("correct horse battery staple", "correct horse battery stable")] {
        let answer = browser.submit(&fill(form.clone(), password, again))?;
        assert!(alert(&answer).is_some_and(|text| !text.is_empty()), "{}", answer.text());
    }
    let good = fill(form, "correct horse battery staple", "correct horse battery staple");
    assert_eq!(browser.submit(&good)?.status, 303);
    let users = scene.keyward.list(&["user", "list"])?;
    assert_eq!(users[0]["email"], "ada@example.com", "the link was for her, whatever the form says");
    let mut second = Browser::new(scene.keyward.address(), scene.keyward.url())?;
    assert_eq!(second.get(&link)?.status, 410, "used");
    assert_eq!(second.get("/invite/kwi_nonsense")?.status, 404);
    Ok(())
}

#[test]
fn wrong_passwords_tell_nothing_and_are_slowed() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let (person, _) = sign_up(&scene.keyward)?;
    let mut browser = Browser::new(scene.keyward.address(), scene.keyward.url())?;
    let page = browser.get("/login?next=https://evil.example/")?;
    let form = form_with(&page, "password")?;
    let mut log_in =
        |email: &str, password: &str| browser.submit(&form.clone().with("email", email).with("password", password));
    let wrong = alert(&log_in(&person.email, "wrong password, this one")?).context("an alert")?;
    let nobody = alert(&log_in("nobody@example.com", "wrong password, this one")?).context("an alert")?;
    assert_eq!(wrong, nobody, "whether there is such an account stays unknown");
    let slowed = (0..20).map(|_| log_in(&person.email, "wrong password, this one")).find_map(|answer| match answer {
        Ok(answer) if answer.status == 429 => Some(Ok(answer)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    });
    let slowed = slowed.context("twenty wrong passwords in a row were all tried")??;
    assert!(slowed.header("retry-after").is_some(), "it says for how long");
    Ok(())
}

#[test]
fn login_leads_to_no_other_site() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let (person, _) = sign_up(&scene.keyward)?;
    for next in
        ["https://evil.example/", "//evil.example/", "/\\evil.example/", "javascript:alert(1)", "%2F%2Fevil.example"]
    {
        let mut browser = Browser::new(scene.keyward.address(), scene.keyward.url())?;
        let page = browser.get(&format!("/login?next={next}"))?;
        let form = form_with(&page, "password")?.with("email", &person.email).with("password", &person.password);
        let answer = browser.submit(&form)?;
        assert_eq!(answer.status, 303, "{next}: {}", answer.text());
        let location = answer.header("location").context("a location")?;
        assert!(location.starts_with('/') && !location.starts_with("//"), "{next} leads to {location}");
    }
    Ok(())
}

#[test]
fn the_challenge_is_well_made() {
    assert_eq!(challenge().len(), 43, "what the tests send is good by itself");
}
