//! What the provider takes back.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::ground::{BEGINNING, Ground, json_of, on_each_database, open};
use crate::testing::{Answer, Browser};

/// Ada's browser, and a client of hers with its refresh token.
async fn connected(ground: &Ground) -> (Browser, String, String) {
    let client = ground.client("Probe").await;
    let mut browser = ground.browser();
    let asked = ground.allow(&mut browser, &client).await;
    let back = ground.back(&mut browser, &asked, "s-1", "ada@example.com").await;
    let tokens = ground.exchange(&client, &back).await;
    (browser, client, refresh_token(&tokens))
}

fn refresh_token(tokens: &Answer) -> String {
    json_of(tokens)["refresh_token"].as_str().unwrap_or_else(|| panic!("no token: {}", tokens.body)).to_owned()
}

async fn tell(ground: &Ground, claims: &Value) -> Answer {
    let token = ground.provider.sign("logout+jwt", claims);
    ground.browser().post_with("/login/backchannel_logout", &[("logout_token", &token)], &[]).await
}

fn logout(ground: &Ground, jti: &str) -> Value {
    json!({
        "iss": ground.provider.url, "aud": "keyward", "iat": BEGINNING, "exp": BEGINNING + 120, "jti": jti,
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    })
}

#[tokio::test]
async fn a_logout_there_ends_logins_and_clients_here() {
    on_each_database(open(), async |ground| {
        for (jti, name, value) in [("j-1", "sub", "s-1"), ("j-2", "sid", "session of s-1")] {
            let (browser, client, refresh) = connected(&ground).await;
            let mut eve = ground.browser();
            ground.log_in(&mut eve, "s-eve", "eve@example.com").await;
            let mut claims = logout(&ground, jti);
            claims[name] = value.into();
            let told = tell(&ground, &claims).await;
            assert_eq!((told.status, told.header("cache-control")), (StatusCode::OK, "no-store"), "{}", told.body);
            assert!(!ground.is_logged_in(&browser).await, "{name}");
            assert_eq!(json_of(&ground.refresh(&client, &refresh).await)["error"], "invalid_grant", "{name}");
            assert!(ground.is_logged_in(&eve).await, "somebody else's");
            assert_eq!(tell(&ground, &claims).await.status, StatusCode::BAD_REQUEST, "a second time");
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_else_can_say_that_somebody_has_logged_out() {
    on_each_database(open(), async |ground| {
        let (browser, ..) = connected(&ground).await;
        for (name, value) in [
            ("iss", json!("https://evil.example")),
            ("aud", json!("another client")),
            ("iat", json!(BEGINNING - 1000)),
            ("nonce", json!("x")),
            ("events", json!({})),
        ] {
            let mut claims = logout(&ground, name);
            claims["sub"] = "s-1".into();
            claims[name] = value;
            assert_eq!(tell(&ground, &claims).await.status, StatusCode::BAD_REQUEST, "{name}");
        }
        let nothing = ground.browser().post_with("/login/backchannel_logout", &[], &[]).await;
        assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
        assert!(ground.is_logged_in(&browser).await);
    })
    .await;
}

#[tokio::test]
async fn a_login_that_cannot_be_refreshed_ends_what_hangs_on_it() {
    on_each_database(open(), async |ground| {
        let (browser, client, refresh) = connected(&ground).await;
        let asked = || ground.provider.asked.lock().expect("asked").len();
        let before = asked();
        let first = ground.refresh(&client, &refresh).await;
        assert_eq!((first.status, asked()), (StatusCode::OK, before), "the provider's token is young: nobody is asked");
        let refresh = refresh_token(&first);

        ground.clock.advance(Duration::from_secs(290));
        let second = ground.refresh(&client, &refresh).await;
        assert_eq!((second.status, asked()), (StatusCode::OK, before + 1), "{}", second.body);
        let refresh = refresh_token(&second);

        // A provider that is in trouble logs nobody out.
        ground.clock.advance(Duration::from_secs(290));
        *ground.provider.refusal.lock().expect("refusal") = Some("temporarily_unavailable");
        let third = ground.refresh(&client, &refresh).await;
        assert_eq!(third.status, StatusCode::OK, "{}", third.body);
        assert!(ground.is_logged_in(&browser).await);
        let refresh = refresh_token(&third);

        ground.clock.advance(Duration::from_secs(290));
        *ground.provider.refusal.lock().expect("refusal") = Some("invalid_grant");
        let last = ground.refresh(&client, &refresh).await;
        assert_eq!((last.status, json_of(&last)["error"].as_str()), (StatusCode::BAD_REQUEST, Some("invalid_grant")));
        assert!(!ground.is_logged_in(&browser).await);

        // Who may log in there again may do so here.
        *ground.provider.refusal.lock().expect("refusal") = None;
        let mut browser = ground.browser();
        ground.log_in(&mut browser, "s-1", "ada@example.com").await;
        assert!(ground.is_logged_in(&browser).await);
        ground.issuer.end_refused_logins().await.expect("looked");
        assert!(ground.is_logged_in(&browser).await, "the new login is not ended for the old one's sake");
    })
    .await;
}
