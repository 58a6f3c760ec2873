//! The attacks of MCP's security best practices and of RFC 9700 on a login at a provider, by name.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::json;

use super::ground::{cookies, on_each_database, open, returned};
use crate::oauth_testing::authorize_query;

/// RFC 9700 §4.4: another provider's answer is brought in.
#[tokio::test]
async fn mix_up() {
    on_each_database(open(), async |ground| {
        let client = ground.client("Probe").await;
        for iss in [Some("https://evil.example"), Some(""), None] {
            let mut browser = ground.browser();
            let asked = ground.allow(&mut browser, &client).await;
            *ground.provider.claims.lock().expect("claims") = ground.claims(&asked, "s-1", "ada@example.com");
            let iss = iss.map(|iss| format!("&iss={iss}")).unwrap_or_default();
            let answer = browser.get(&format!("/login/callback?code=c&state={}{iss}", asked["state"])).await;
            assert!(answer.status.is_server_error() || answer.status.is_client_error(), "{iss}");
            assert!(!ground.is_logged_in(&browser).await && returned(&answer, "code").is_none(), "{iss}");
        }
        assert!(ground.provider.asked.lock().expect("asked").is_empty(), "no code was shown to anybody");
    })
    .await;
}

/// MCP security best practices, "Confused Deputy": the provider knows one client for all of ours, and its consent of an
/// earlier day must not serve a client that registered just now.
#[tokio::test]
async fn confused_deputy() {
    on_each_database(open(), async |ground| {
        let (known, evil) = (ground.client("Known").await, ground.client("Evil").await);
        let mut browser = ground.browser();
        let asked = ground.allow(&mut browser, &known).await;
        ground.back(&mut browser, &asked, "s-1", "ada@example.com").await;
        // The person's session here ends; at the provider they are still logged in.
        browser.cookies.retain(|name, _| !name.contains("session"));
        let page = browser.get(&format!("/authorize?{}", authorize_query(&evil, &[]))).await;
        assert_eq!(page.status, StatusCode::OK, "a page, and no redirect to the provider");
        assert!(page.body.contains("Evil") && page.body.contains("client.example"), "{}", page.body);
        // A link or a foreign form cannot press the button.
        let query = authorize_query(&evil, &[]);
        for fields in [
            vec![("request", query.as_str()), ("decision", "allow")],
            vec![("request", query.as_str()), ("decision", "allow"), ("csrf", "x")],
        ] {
            let pressed = browser.post("/consent", &fields).await;
            assert_eq!((pressed.status, pressed.header("location")), (StatusCode::FORBIDDEN, ""));
        }
        let foreign = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
        let pressed = browser.post_with("/consent", &[("request", &query), ("decision", "allow")], &foreign).await;
        assert_eq!(pressed.status, StatusCode::FORBIDDEN);
    })
    .await;
}

/// MCP security best practices: a cookie that is there before the consent would let an attacker's link skip it.
#[tokio::test]
async fn cookie_set_before_consent() {
    on_each_database(open(), async |ground| {
        let client = ground.client("Probe").await;
        let mut browser = ground.browser();
        let is_login = |cookie: &String| cookie.starts_with("keyward_login");
        let page = browser.get(&format!("/authorize?{}", authorize_query(&client, &[]))).await;
        assert!(!cookies(&page).iter().any(is_login), "{:?}", cookies(&page));
        let login_page = ground.browser().get("/login").await;
        assert!(!cookies(&login_page).iter().any(is_login));
        let left = browser.submit("/consent", &[("decision", "allow")]).await;
        let cookie = cookies(&left).into_iter().find(is_login).expect("with the way there");
        for attribute in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=600"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
    })
    .await;
}

/// RFC 9700 §4.7: an answer to the attacker's question is opened in the victim's browser.
#[tokio::test]
async fn login_csrf() {
    on_each_database(open(), async |ground| {
        let client = ground.client("Probe").await;
        let mut attacker = ground.browser();
        for with_own_cookie in [false, true] {
            let asked = ground.allow(&mut attacker, &client).await;
            let mut victim = ground.browser();
            if with_own_cookie {
                ground.allow(&mut victim, &client).await;
            }
            let answer = ground.back(&mut victim, &asked, "s-evil", "evil@example.com").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
            assert!(!ground.is_logged_in(&victim).await && returned(&answer, "code").is_none());
            let later = ground.back(&mut attacker, &asked, "s-evil", "evil@example.com").await;
            assert_eq!(later.status, StatusCode::BAD_REQUEST, "the question was used up by that");
        }
        assert!(ground.provider.asked.lock().expect("asked").is_empty());
    })
    .await;
}

#[tokio::test]
async fn state_replay() {
    on_each_database(open(), async |ground| {
        let client = ground.client("Probe").await;
        let mut browser = ground.browser();
        let asked = ground.allow(&mut browser, &client).await;
        let first = ground.back(&mut browser, &asked, "s-1", "ada@example.com").await;
        assert!(returned(&first, "code").is_some());
        let second = browser.get(&ground.answer(&asked)).await;
        assert_eq!((second.status, second.header("location")), (StatusCode::BAD_REQUEST, ""));
        assert_eq!(ground.provider.asked.lock().expect("asked").len(), 1);
        // One that nobody came back with in time is worth nothing.
        let asked = ground.allow(&mut ground.browser(), &client).await;
        ground.clock.advance(Duration::from_secs(601));
        let late = ground.back(&mut browser, &asked, "s-1", "ada@example.com").await;
        assert_eq!(late.status, StatusCode::BAD_REQUEST);
        for state in ["", "kwo_x", &"a".repeat(5000)] {
            let junk = browser.get(&format!("/login/callback?code=c&state={state}")).await;
            assert_eq!(junk.status, StatusCode::BAD_REQUEST);
        }
    })
    .await;
}

/// RFC 9700 §4.5: a code that was stolen is put into the attacker's own answer. The provider holds the verifier against the
/// challenge of the login that it gave the code in; the ID token's nonce is that login's, too.
#[tokio::test]
async fn code_injection() {
    on_each_database(open(), async |ground| {
        let client = ground.client("Probe").await;
        let (mut victim, mut attacker) = (ground.browser(), ground.browser());
        let of_victim = ground.allow(&mut victim, &client).await;
        let of_attacker = ground.allow(&mut attacker, &client).await;
        // A provider that ignored the verifier would still name the victim's login in the ID token.
        *ground.provider.claims.lock().expect("claims") = ground.claims(&of_victim, "s-1", "ada@example.com");
        let injected = attacker.get(&ground.answer(&of_attacker)).await;
        assert_eq!(injected.status, StatusCode::BAD_GATEWAY);
        assert!(!ground.is_logged_in(&attacker).await && returned(&injected, "code").is_none());
        let sent = ground.provider.asked.lock().expect("asked").pop().expect("a request");
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, sent["code_verifier"].as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(hash);
        assert_eq!(challenge, of_attacker["code_challenge"]);
        assert_ne!(challenge, of_victim["code_challenge"], "so a provider with PKCE refuses the victim's code");
    })
    .await;
}

#[tokio::test]
async fn open_redirect() {
    on_each_database(open(), async |ground| {
        for next in ["//evil.example", "https://evil.example/", "/\\evil.example", "/.//evil.example"] {
            let mut browser = ground.browser();
            browser.get("/login").await;
            let left = browser.submit("/login/provider", &[("next", next)]).await;
            let asked = ground.asked(&left);
            let back = ground.back(&mut browser, &asked, "s-1", "ada@example.com").await;
            assert_eq!(back.header("location"), "/account", "{next}");
        }
        // An authorization request that the client never registered is not gone on with.
        let client = ground.client("Probe").await;
        let mut browser = ground.browser();
        browser.get(&format!("/authorize?{}", authorize_query(&client, &[]))).await;
        let csrf = browser.get("/login").await;
        let csrf = csrf.body.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let evil = authorize_query(&client, &[("redirect_uri", "https://evil.example/cb")]);
        let fields = [("request", evil.as_str()), ("decision", "allow"), ("csrf", csrf.expect("a form"))];
        let answer = browser.post("/consent", &fields).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::BAD_REQUEST, ""));
    })
    .await;
}

/// Who came back is the ID token's word alone, and only of this provider, this client and this login.
#[tokio::test]
async fn forged_identity() {
    on_each_database(open(), async |ground| {
        for (name, value) in [
            ("iss", json!("https://evil.example")),
            ("aud", json!("another client")),
            ("nonce", json!("another login")),
            ("exp", json!(1_700_000_000)),
            ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")),
        ] {
            let mut browser = ground.browser();
            let asked = ground.leave(&mut browser, "%2Faccount").await;
            let mut claims = ground.claims(&asked, "s-1", "ada@example.com");
            claims[name] = value;
            *ground.provider.claims.lock().expect("claims") = claims;
            let back = browser.get(&ground.answer(&asked)).await;
            assert_eq!(back.status, StatusCode::BAD_GATEWAY, "{name}");
            assert!(!ground.is_logged_in(&browser).await, "{name}");
        }
        // The userinfo endpoint may not speak of somebody else.
        let mut browser = ground.browser();
        let asked = ground.leave(&mut browser, "%2Faccount").await;
        let mut claims = ground.claims(&asked, "s-1", "");
        claims.as_object_mut().expect("claims").remove("email");
        *ground.provider.claims.lock().expect("claims") = claims;
        *ground.provider.userinfo.lock().expect("userinfo") =
            json!({ "sub": "s-2", "email": "eve@example.com", "email_verified": true });
        assert_eq!(browser.get(&ground.answer(&asked)).await.status, StatusCode::BAD_GATEWAY);
    })
    .await;
}
