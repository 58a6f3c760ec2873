//! Tokens that the MCP endpoint must not take, and how it says so.

use anyhow::{Context, Result};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::http::{Request, Response};
use keyward_e2e::jwt::{self, SigningKey};
use keyward_e2e::keyward::Keyward;
use keyward_e2e::oauth::Client;
use keyward_e2e::person::sign_up;
use keyward_e2e::upstream::notes::Notes;
use keyward_e2e::upstream::scripted::Scripted;
use serde_json::{Value, json};

use crate::scene::{Scene, call, initialize};

const MCP: &str = "/notes/mcp";

#[test]
fn without_a_token_the_way_is_shown() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let url = scene.keyward.url();
    let metadata_url = format!("{url}/.well-known/oauth-protected-resource/notes/mcp");
    for path in [MCP, "/notes/mcp/"] {
        let answer = scene.keyward.send(&initialize(path))?;
        assert_eq!(answer.status, 401);
        let challenge = challenge_of(&answer)?;
        assert!(challenge.contains(&format!("resource_metadata=\"{metadata_url}\"")), "{challenge}");
        assert!(challenge.contains("scope=\"notes:read\""), "{challenge}");
        assert!(!challenge.contains("error="), "no token was sent, so none is wrong: {challenge}");
    }
    for path in ["/.well-known/oauth-protected-resource/notes/mcp", "/.well-known/oauth-protected-resource"] {
        let document = scene.keyward.send(&Request::get(path))?;
        assert_eq!(document.status, 200);
        let document = document.json()?;
        assert_eq!(document["resource"], scene.resource());
        assert_eq!(document["authorization_servers"], json!([url]));
        assert!(document.as_object().context("an object")?.values().all(|value| !value.is_null()), "{document}");
    }
    Ok(())
}

#[test]
fn tokens_of_our_own_issuer_are_checked_whole() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let (_, mut browser) = sign_up(&scene.keyward)?;
    let client = Client::register(&scene.keyward)?;
    let token = client.tokens(&mut browser, &scene.resource(), "notes:read")?.access;
    assert_eq!(scene.status_with(&token)?, 200);

    let header = jwt::part(&token, 0)?;
    let claims = jwt::claims(&token)?;
    let mut wider = claims.clone();
    wider["scope"] = json!("notes:read notes:write");
    let jwks = scene.keyward.send(&Request::get("/jwks"))?.json()?;
    let key = &jwks["keys"][0];
    let mut hmac_header = header.clone();
    hmac_header["alg"] = json!("HS256");
    let mut none_header = header.clone();
    none_header["alg"] = json!("none");
    let forger = SigningKey::generate(key["kid"].as_str().context("kid")?)?;
    let mut own_key_header = header.clone();
    own_key_header["jwk"] = forger.jwks()["keys"][0].clone();
    own_key_header["jku"] = json!("http://127.0.0.1:9/jwks.json");
    let (signed, signature) = token.rsplit_once('.').context("a JWS")?;
    let forged = [
        ("garbled", "garbled".to_owned()),
        ("not base64url", "a.b.c".to_owned()),
        ("no signature", format!("{signed}.")),
        ("half a signature", format!("{signed}.{}", &signature[..signature.len() / 2])),
        ("a byte more", format!("{token}A")),
        ("other claims under the signature", jwt::with_claims(&token, &wider)?),
        ("alg none", jwt::unsigned(&none_header, &wider)),
        ("alg none with the old signature", format!("{}{signature}", jwt::unsigned(&none_header, &claims))),
        ("the key set as an HMAC secret", jwt::hmac_signed(&hmac_header, &wider, key.to_string().as_bytes())),
        ("the key's x as an HMAC secret", jwt::hmac_signed(&hmac_header, &wider, key["x"].to_string().as_bytes())),
        ("somebody's key under our key's id", forger.sign_with_header(&header, &claims)?),
        ("a key that it brings itself", forger.sign_with_header(&own_key_header, &claims)?),
        ("a development token of nobody", format!("kwd_{}", "A".repeat(43))),
        ("very long", format!("{}.{}.{}", "A".repeat(6000), "A".repeat(6000), "A".repeat(6000))),
    ];
    for (what, token) in forged {
        let answer = scene.keyward.send(&initialize(MCP).bearer(&token))?;
        assert_eq!(answer.status, 401, "{what}");
        assert!(challenge_of(&answer)?.contains("error=\"invalid_token\""), "{what}");
        assert!(!answer.text().contains(&token), "{what}: the token is not repeated");
    }
    Ok(())
}

#[test]
fn claims_of_a_trusted_issuer_are_checked() -> Result<()> {
    let key = SigningKey::generate("key-1")?;
    let jwks = key.jwks();
    let issuer = Scripted::start(move |_, connection| {
        connection.answer("200 OK", &[("Content-Type", "application/json")], &jwks.to_string())
    })?;
    let notes = Notes::start()?;
    let trusted = format!(
        "[[trusted_issuers]]\nissuer = \"https://issuer.example\"\njwks_uri = \"http://{}/jwks.json\"\nalgorithms = [\"ES256\"]\n",
        issuer.address()
    );
    let configuration = Configuration::sqlite().section(&trusted).behind(&Server::new("notes", &notes.url));
    let keyward = Keyward::started(&configuration)?;
    let resource = keyward.resource("notes");
    let good = json!({
        "iss": "https://issuer.example", "aud": resource, "sub": "ada", "client_id": "c1", "scope": "notes:read",
        "iat": jwt::now(), "exp": jwt::now() + 600, "jti": "1",
    });
    let status = |token: &str| -> Result<u16> { Ok(keyward.send(&initialize(MCP).bearer(token))?.status) };
    let with = |field: &str, value: Value| {
        let mut claims = good.clone();
        claims[field] = value;
        claims
    };
    assert_eq!(status(&key.sign(&good)?)?, 200, "what is good is taken");
    assert_eq!(status(&key.sign(&with("aud", json!(["https://other.example", resource])))?)?, 200, "one of several");

    let refused = [
        ("expired", with("exp", json!(jwt::now() - 60))),
        ("without an end", with("exp", Value::Null)),
        ("an end that is no number", with("exp", json!("tomorrow"))),
        ("not valid yet", with("nbf", json!(jwt::now() + 600))),
        ("of another issuer", with("iss", json!("https://other.example"))),
        ("of an issuer that begins alike", with("iss", json!("https://issuer.example.evil.example"))),
        ("for another resource", with("aud", json!("https://other.example/mcp"))),
        ("for the whole host", with("aud", json!(keyward.url()))),
        ("for a resource that begins alike", with("aud", json!(format!("{resource}/more")))),
        ("for the resource in upper case", with("aud", json!(resource.to_uppercase()))),
        ("for nobody", with("aud", Value::Null)),
    ];
    for (what, claims) in refused {
        assert_eq!(status(&key.sign(&claims)?)?, 401, "{what}");
    }
    let headers = [
        ("an ID token", json!({ "typ": "JWT", "alg": "ES256", "kid": "key-1" })),
        ("without a type", json!({ "alg": "ES256", "kid": "key-1" })),
        ("an algorithm that the issuer does not use", json!({ "typ": "at+jwt", "alg": "RS256", "kid": "key-1" })),
        ("an unknown key", json!({ "typ": "at+jwt", "alg": "ES256", "kid": "key-2" })),
        (
            "extensions that must be understood",
            json!({ "typ": "at+jwt", "alg": "ES256", "kid": "key-1", "crit": ["b64"], "b64": false }),
        ),
    ];
    for (what, header) in headers {
        assert_eq!(status(&key.sign_with_header(&header, &good)?)?, 401, "{what}");
    }
    assert_eq!(status(&jwt::unsigned(&json!({ "typ": "at+jwt", "alg": "none" }), &good))?, 401, "alg none");
    Ok(())
}

#[test]
fn a_token_is_good_for_its_own_server_only() -> Result<()> {
    let (one, two) = (Notes::start()?, Notes::start()?);
    let configuration =
        Configuration::sqlite().behind(&Server::new("one", &one.url)).behind(&Server::new("two", &two.url));
    let keyward = Keyward::started(&configuration)?;
    let (_, mut browser) = sign_up(&keyward)?;
    let client = Client::register(&keyward)?;
    let token = client.tokens(&mut browser, &keyward.resource("one"), "one:read")?.access;
    let bearer = keyward.issue_bearer("two", &["two:read"])?;

    let status = |path: &str, token: &str| -> Result<u16> { Ok(keyward.send(&initialize(path).bearer(token))?.status) };
    assert_eq!(status("/one/mcp", &token)?, 200);
    assert_eq!(status("/two/mcp", &token)?, 401);
    assert_eq!(status("/one/mcp", &token)?, 200, "the refusal was not remembered for the other server");
    assert_eq!(status("/two/mcp", &bearer)?, 200);
    assert_eq!(status("/one/mcp", &bearer)?, 401);
    Ok(())
}

#[test]
fn credentials_elsewhere_than_in_one_header_are_refused() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    assert_eq!(scene.status_with(&bearer)?, 200);
    let in_query = initialize(&format!("{MCP}?access_token={bearer}"));
    assert_eq!(scene.keyward.send(&in_query)?.status, 400, "in the query (OAuth 2.1 §5.1)");
    let twice = initialize(MCP).bearer(&bearer).bearer(&bearer);
    assert_eq!(scene.keyward.send(&twice)?.status, 400, "two credentials");
    let both = initialize(&format!("{MCP}?access_token={bearer}")).bearer(&bearer);
    assert_eq!(scene.keyward.send(&both)?.status, 400, "one of each");
    let basic = initialize(MCP).header("Authorization", "Basic YWRhOnNlY3JldA==");
    assert_eq!(scene.keyward.send(&basic)?.status, 401, "another scheme");
    let lower_case = initialize(MCP).header("Authorization", &format!("bearer {bearer}"));
    assert_eq!(scene.keyward.send(&lower_case)?.status, 200, "schemes have no case (RFC 9110 §11.1)");
    let empty = initialize(MCP).header("Authorization", "Bearer ");
    assert_eq!(scene.keyward.send(&empty)?.status, 401);
    Ok(())
}

#[test]
fn a_development_token_ends_with_its_revocation() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    assert_eq!(scene.status_with(&bearer)?, 200);
    let listed = scene.keyward.list(&["bearer", "list"])?;
    assert!(!listed.to_string().contains(&bearer), "{listed}");
    let id = listed[0]["id"].as_str().context("an id")?.to_owned();
    scene.keyward.run_ok(&["bearer", "revoke", &id], "")?;
    keyward_e2e::wait::until("the running server to know of it", || {
        Ok((scene.status_with(&bearer)? == 401).then_some(()))
    })
}

#[test]
fn a_tool_beyond_the_scopes_is_refused_with_all_that_is_missing() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let reader = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    let answer = scene.keyward.send(&call(MCP, "delete_note").bearer(&reader))?;
    assert_eq!(answer.status, 403);
    let challenge = challenge_of(&answer)?;
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains("scope=\"notes:read notes:write\""), "everything at once: {challenge}");
    assert!(challenge.contains("resource_metadata="), "{challenge}");
    Ok(())
}

fn challenge_of(answer: &Response) -> Result<String> {
    let challenge = answer.header("www-authenticate").with_context(|| format!("no challenge: {}", answer.text()))?;
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    Ok(challenge)
}
