//! The token endpoint and revocation, as they are not meant to be used.

use anyhow::{Context, Result};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::http::{Request, Response};
use keyward_e2e::oauth::{Change, Client, REDIRECT_URI, Tokens, changed, registration, token_request};
use keyward_e2e::page::Browser;
use keyward_e2e::person::sign_up;
use keyward_e2e::wait;
use serde_json::json;

use crate::scene::Scene;

struct Signed {
    scene: Scene,
    browser: Browser,
    client: Client,
}

impl Signed {
    fn up(configuration: Configuration) -> Result<Self> {
        let scene = Scene::new(configuration)?;
        let (_, browser) = sign_up(&scene.keyward)?;
        let client = Client::register(&scene.keyward)?;
        Ok(Self { scene, browser, client })
    }

    fn code(&mut self) -> Result<String> {
        self.client.code(&mut self.browser, &self.scene.resource(), "notes:read")
    }

    fn tokens(&mut self) -> Result<Tokens> {
        self.client.tokens(&mut self.browser, &self.scene.resource(), "notes:read")
    }
}

fn assert_refused(answer: &Response, status: u16, error: &str, what: &str) -> Result<()> {
    let body = answer.json().with_context(|| what.to_owned())?;
    assert_eq!((answer.status, body["error"].as_str()), (status, Some(error)), "{what}: {body}");
    assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")), "{what}");
    Ok(())
}

#[test]
fn a_code_is_bound_to_all_that_it_was_asked_with() -> Result<()> {
    let mut signed = Signed::up(Configuration::sqlite())?;
    let mut metadata = registration();
    metadata["client_name"] = json!("Another");
    let other = Client::register_as(&signed.scene.keyward, &metadata)?;
    let cases: [(&str, &str, &[Change<'_>]); 7] = [
        (
            "invalid_grant",
            "another verifier",
            &[("code_verifier", Some("another-verifier-another-verifier-another-verifier"))],
        ),
        ("invalid_grant", "another redirect", &[("redirect_uri", Some("http://127.0.0.1:9/other"))]),
        ("invalid_grant", "another client", &[("client_id", Some(&other.id))]),
        ("invalid_target", "another resource", &[("resource", Some("https://other.example/mcp"))]),
        ("invalid_request", "no verifier", &[("code_verifier", None)]),
        ("invalid_request", "no code", &[("code", None)]),
        ("invalid_grant", "a code of nobody", &[("code", Some("kwc_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))]),
    ];
    for (error, what, changes) in cases {
        let code = signed.code()?;
        let good = signed.client.redemption(&code, &signed.scene.resource());
        assert_refused(&signed.client.token(&changed(&good, changes))?, 400, error, what)?;
    }
    Ok(())
}

#[test]
fn a_request_has_its_form() -> Result<()> {
    let mut signed = Signed::up(Configuration::sqlite())?;
    let code = signed.code()?;
    let good = signed.client.redemption(&code, &signed.scene.resource());
    let send = |request: &Request| signed.scene.keyward.send(request);

    assert_refused(
        &signed.client.token(&changed(&good, &[("grant_type", None)]))?,
        400,
        "invalid_request",
        "no grant type",
    )?;
    for unknown in ["password", "client_credentials", "implicit", ""] {
        let answer = signed.client.token(&changed(&good, &[("grant_type", Some(unknown))]))?;
        let error = answer.json()?["error"].as_str().unwrap_or_default().to_owned();
        assert_eq!(answer.status, 400, "{unknown}");
        assert!(error == "unsupported_grant_type" || unknown.is_empty(), "{unknown}: {error}");
    }
    for doubled in ["grant_type", "code", "client_id", "code_verifier", "redirect_uri"] {
        let mut twice = good.clone();
        twice.push((doubled, "again".into()));
        assert_refused(&signed.client.token(&twice)?, 400, "invalid_request", doubled)?;
    }
    let unknown = signed.client.token(&changed(&good, &[("client_id", Some("nobody"))]))?;
    assert_refused(&unknown, 401, "invalid_client", "an unknown client")?;
    let nobody = signed.client.token(&changed(&good, &[("client_id", None)]))?;
    assert_refused(&nobody, 400, "invalid_request", "no client")?;
    let in_query = format!("/token?{}", keyward_e2e::http::form_urlencoded(&[("grant_type", "authorization_code")]));
    assert!(send(&Request::new("POST", &in_query).body(""))?.status >= 400);
    let json = send(&Request::json("/token", &json!({ "grant_type": "authorization_code" })))?;
    assert!(matches!(json.status, 400 | 415), "{}", json.status);
    json.json()?;
    let huge = "x".repeat(2 * 1024 * 1024);
    let huge = send(&Request::form("/token", &[("grant_type", "authorization_code"), ("code", &huge)]))?;
    assert!(matches!(huge.status, 400 | 413), "{}", huge.status);
    huge.json()?;

    let answer = signed.client.token(&good)?;
    assert_eq!(answer.status, 200, "and the code was not spent by any of that: {}", answer.text());
    assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")));
    Ok(())
}

#[test]
fn a_code_that_comes_again_ends_what_it_gave() -> Result<()> {
    let mut signed = Signed::up(Configuration::sqlite())?;
    let code = signed.code()?;
    let redemption = signed.client.redemption(&code, &signed.scene.resource());
    let tokens = Tokens::of(&signed.client.token(&redemption)?)?;
    assert_eq!(signed.scene.status_with(&tokens.access)?, 200);

    assert_refused(&signed.client.token(&redemption)?, 400, "invalid_grant", "the code again")?;
    let refresh = signed.client.refreshing(&tokens.refresh);
    assert_refused(&signed.client.token(&refresh)?, 400, "invalid_grant", "the refresh token that it gave")?;
    assert_eq!(signed.scene.status_with(&tokens.access)?, 401, "the access token that it gave");
    let audit = signed.scene.keyward.list(&["audit", "list"])?;
    assert!(audit.to_string().contains("\"replay\""), "{audit}");
    Ok(())
}

#[test]
fn a_code_ends_soon() -> Result<()> {
    let mut signed = Signed::up(Configuration::sqlite().issuer("code_lifetime = \"1s\""))?;
    // Whether the code has ended can only be asked once a code; each is asked for later after it was given.
    let resource = signed.scene.resource();
    let mut age = std::time::Duration::from_millis(1100);
    let answer = wait::until("a code that has ended", || {
        let code = signed.client.code(&mut signed.browser, &resource, "notes:read")?;
        std::thread::sleep(age);
        age *= 2;
        let answer = signed.client.token(&signed.client.redemption(&code, &resource))?;
        Ok((answer.status != 200).then_some(answer))
    })?;
    assert_refused(&answer, 400, "invalid_grant", "a code that has ended")
}

#[test]
fn a_refresh_token_that_comes_again_soon_gets_the_same_answer() -> Result<()> {
    let mut signed = Signed::up(Configuration::sqlite())?;
    let first = signed.tokens()?;
    let refresh = signed.client.refreshing(&first.refresh);
    let second = Tokens::of(&signed.client.token(&refresh)?)?;
    assert_ne!(second.refresh, first.refresh, "it is rotated");
    let again = Tokens::of(&signed.client.token(&refresh)?)?;
    assert_eq!(again.refresh, second.refresh, "no second branch");
    for access in [&first.access, &second.access, &again.access] {
        assert_eq!(signed.scene.status_with(access)?, 200, "nobody is thrown out");
    }
    let third = Tokens::of(&signed.client.token(&signed.client.refreshing(&second.refresh))?)?;
    assert_ne!(third.refresh, second.refresh);
    Ok(())
}

#[test]
fn a_refresh_token_that_comes_again_late_ends_the_grant() -> Result<()> {
    let mut signed = Signed::up(Configuration::sqlite().issuer("refresh_grace = \"0s\""))?;
    let first = signed.tokens()?;
    let refresh = signed.client.refreshing(&first.refresh);
    let second = Tokens::of(&signed.client.token(&refresh)?)?;
    assert_refused(&signed.client.token(&refresh)?, 400, "invalid_grant", "the first again")?;
    let successor = signed.client.refreshing(&second.refresh);
    assert_refused(&signed.client.token(&successor)?, 400, "invalid_grant", "its successor")?;
    assert_eq!(signed.scene.status_with(&second.access)?, 401);
    Ok(())
}

#[test]
fn a_refresh_token_is_bound_to_its_client_and_gives_no_more_than_was_granted() -> Result<()> {
    let mut signed = Signed::up(Configuration::sqlite())?;
    let tokens = signed.tokens()?;
    let good = signed.client.refreshing(&tokens.refresh);
    let mut metadata = registration();
    metadata["client_name"] = json!("Another");
    let other = Client::register_as(&signed.scene.keyward, &metadata)?;
    let stolen = changed(&good, &[("client_id", Some(&other.id))]);
    assert_refused(&signed.client.token(&stolen)?, 400, "invalid_grant", "another client")?;
    let elsewhere = changed(&good, &[("resource", Some("https://other.example/mcp"))]);
    assert_refused(&signed.client.token(&elsewhere)?, 400, "invalid_target", "another resource")?;
    let wider = signed.client.token(&changed(&good, &[("scope", Some("notes:read notes:write"))]))?;
    if wider.status == 200 {
        assert_eq!(wider.json()?["scope"], "notes:read", "narrowed to what was granted");
    } else {
        assert_refused(&wider, 400, "invalid_scope", "more scope")?;
    }
    Ok(())
}

#[test]
fn confidential_clients_prove_who_they_are() -> Result<()> {
    let mut signed = Signed::up(Configuration::sqlite())?;
    let mut metadata = registration();
    metadata["token_endpoint_auth_method"] = json!("client_secret_basic");
    let registered = signed.scene.keyward.send(&Request::json("/register", &metadata))?.json()?;
    let id = registered["client_id"].as_str().context("client_id")?.to_owned();
    let secret = registered["client_secret"].as_str().context("client_secret")?.to_owned();
    let resource = signed.scene.resource();
    let mut parameters = signed.client.authorization(&resource, "notes:read");
    parameters = changed(&parameters, &[("client_id", Some(&id))]);
    let answer = Client::authorize(&mut signed.browser, &parameters)?;
    let code = keyward_e2e::oauth::value(&answer, "code").context("a code")?.to_owned();
    let redemption = signed.client.redemption(&code, &resource);

    let without = signed.client.token(&changed(&redemption, &[("client_id", Some(&id))]))?;
    assert_refused(&without, 401, "invalid_client", "no secret")?;
    let basic = |secret: &str| {
        let pair = base64_of(&format!("{id}:{secret}"));
        token_request(&changed(&redemption, &[("client_id", None)])).header("Authorization", &format!("Basic {pair}"))
    };
    let wrong = signed.scene.keyward.send(&basic("kws_wrong"))?;
    assert_refused(&wrong, 401, "invalid_client", "a wrong secret")?;
    assert!(wrong.header("www-authenticate").is_some_and(|value| value.starts_with("Basic")), "RFC 6749 §5.2");
    let both = signed.scene.keyward.send(
        &token_request(&changed(&redemption, &[("client_id", Some(&id)), ("client_secret", Some(&secret))]))
            .header("Authorization", &format!("Basic {}", base64_of(&format!("{id}:{secret}")))),
    )?;
    assert_eq!(both.status, 400, "two ways at once (RFC 6749 §2.3): {}", both.text());
    assert_eq!(signed.scene.keyward.send(&basic(&secret))?.status, 200);
    Ok(())
}

#[test]
fn revocation_ends_the_grant_and_tells_nothing() -> Result<()> {
    let mut signed = Signed::up(Configuration::sqlite())?;
    let tokens = signed.tokens()?;
    for unknown in ["kwr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "nonsense"] {
        assert_eq!(signed.client.revoke(unknown)?.status, 200, "RFC 7009 §2.2");
    }
    let mut metadata = registration();
    metadata["client_name"] = json!("Another");
    let other = Client::register_as(&signed.scene.keyward, &metadata)?;
    other.revoke(&tokens.refresh)?;
    assert_eq!(signed.scene.status_with(&tokens.access)?, 200, "another client cannot end it");

    assert_eq!(signed.client.revoke(&tokens.access)?.status, 200);
    assert_eq!(signed.scene.status_with(&tokens.access)?, 401, "at once");
    let refresh = signed.client.refreshing(&tokens.refresh);
    assert_refused(&signed.client.token(&refresh)?, 400, "invalid_grant", "its refresh token")?;
    Ok(())
}

#[test]
fn grants_of_one_client_are_independent() -> Result<()> {
    let mut signed = Signed::up(Configuration::sqlite())?;
    let one = signed.tokens()?;
    let two = signed.tokens()?;
    assert_eq!(signed.client.revoke(&one.refresh)?.status, 200);
    assert_eq!(signed.scene.status_with(&one.access)?, 401);
    assert_eq!(signed.scene.status_with(&two.access)?, 200);
    Tokens::of(&signed.client.token(&signed.client.refreshing(&two.refresh))?)?;
    Ok(())
}

#[test]
fn the_redirect_uri_of_the_tests_is_the_clients() {
    assert_eq!(registration()["redirect_uris"][0], REDIRECT_URI);
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
