//! What the provider takes back.

use std::time::Duration;

use http::StatusCode;
use http::header::{COOKIE, HeaderMap, HeaderValue};
use keyward_core::clock::Timestamp;
use keyward_core::id::GrantId;
use keyward_core::secret::{PlainToken, TokenKind};
use keyward_storage::codes::{self, AuthorizationCode};
use keyward_storage::grants::{self, Grant};
use keyward_storage::sessions;
use keyward_storage::users::{self, User};
use keyward_vault::upstream::LOGIN;
use serde_json::{Value, json};

use super::ground::{BEGINNING, Ground, json_of, on_each_database, open, returned};
use crate::account::email::EmailAddress;
use crate::oauth_testing::{CALLBACK, VERIFIER, authorize_query};
use crate::session;
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

        let connections = &ground.issuer.provider.as_ref().expect("a provider").connections;
        assert!(connections.ended_logins().await.expect("looked").is_empty(), "nothing of hers is left to end");

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

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn ada(ground: &Ground) -> User {
    users::by_email(&ground.issuer.db, "ada@example.com").await.expect("asked").expect("an account")
}

fn error_of(answer: &Answer) -> Option<String> {
    json_of(answer)["error"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_code_on_its_way_does_not_outlive_a_logout_there() {
    on_each_database(open(), async |ground| {
        let client = ground.client("Probe").await;
        let mut browser = ground.browser();
        let asked = ground.allow(&mut browser, &client).await;
        let back = ground.back(&mut browser, &asked, "s-1", "ada@example.com").await;
        let mut claims = logout(&ground, "j-1");
        claims["sub"] = "s-1".into();
        assert_eq!(tell(&ground, &claims).await.status, StatusCode::OK);
        assert_eq!(error_of(&ground.exchange(&client, &back).await).as_deref(), Some("invalid_grant"));
    })
    .await;
}

/// In each place at which the logout can come between a look and what follows from it.
#[tokio::test]
async fn a_logout_there_at_the_very_instant_of_a_code_ends_that_too() {
    on_each_database(open(), async |ground| {
        let client = ground.client("Probe").await;
        let query = authorize_query(&client, &[]);
        let log_out = async |jti: &str| {
            let mut claims = logout(&ground, jti);
            claims["sub"] = "s-1".into();
            assert_eq!(tell(&ground, &claims).await.status, StatusCode::OK);
        };
        // The session was looked at, and then it ended.
        let mut browser = ground.browser();
        ground.log_in(&mut browser, "s-1", "ada@example.com").await;
        let person = session::current(&ground.issuer, &browser.cookie_header()).await.expect("database");
        let person = person.expect("logged in");
        log_out("j-1").await;
        let answer = crate::authorize::go_on(&ground.issuer, query.clone(), &person).await.expect("an answer");
        let location = answer.headers()["location"].to_str().expect("ASCII").to_owned();
        assert!(location.starts_with("/login?next=%2Fauthorize"), "{location}");

        // The exchange looked at the clock, and then the code ended.
        let asked = ground.allow(&mut browser, &client).await;
        let back = ground.back(&mut browser, &asked, "s-1", "ada@example.com").await;
        ground.clock.advance(Duration::from_secs(2));
        log_out("j-2").await;
        ground.clock.set(Timestamp::from_seconds(BEGINNING + 1));
        assert_eq!(error_of(&ground.exchange(&client, &back).await).as_deref(), Some("invalid_grant"));

        // The code is being exchanged, and nobody else sees the grant yet.
        let asked = ground.allow(&mut browser, &client).await;
        let back = ground.back(&mut browser, &asked, "s-1", "ada@example.com").await;
        let code = returned(&back, "code").and_then(|code| PlainToken::parse(TokenKind::Code, &code)).expect("a code");
        let code = codes::find(&ground.issuer.db, &code.hash()).await.expect("asked").expect("a code");
        let grant = grant_of(&ground, &code);
        let mut tx = ground.issuer.db.begin("test").await.expect("begun");
        grants::insert(&mut tx, &grant).await.expect("inserted");
        assert!(codes::use_up(&mut tx, &code.hash, grant.id, grant.created_at).await.expect("used"));
        let told = log_out("j-3");
        let exchanged = async {
            until_somebody_waits(&ground).await;
            tx.commit().await.expect("committed");
        };
        tokio::join!(told, exchanged);
        let ended = ground.issuer.ended_grants().await.expect("asked");
        assert!(ended.contains(&grant.id), "it outlived the logout");
    })
    .await;
}

/// Neither sees the grant that an exchange is about to make, and so each waits for it.
#[tokio::test]
async fn the_end_of_an_account_or_a_client_waits_for_a_code_that_is_being_exchanged() {
    for of_client in [true, false] {
        on_each_database(open(), async |ground| {
            let client = ground.client("Probe").await;
            let mut browser = ground.browser();
            let asked = ground.allow(&mut browser, &client).await;
            let back = ground.back(&mut browser, &asked, "s-1", "ada@example.com").await;
            let code = returned(&back, "code").and_then(|code| PlainToken::parse(TokenKind::Code, &code));
            let code = codes::find(&ground.issuer.db, &code.expect("a code").hash()).await.expect("asked");
            let code = code.expect("a code");
            let grant = grant_of(&ground, &code);
            let mut tx = ground.issuer.db.begin("test").await.expect("begun");
            grants::insert(&mut tx, &grant).await.expect("inserted");
            assert!(codes::use_up(&mut tx, &code.hash, grant.id, grant.created_at).await.expect("used"));
            let end = async {
                if of_client {
                    assert!(ground.issuer.revoke_client(&client).await.expect("removed").is_some());
                } else {
                    let ada = EmailAddress::parse("ada@example.com").expect("an address");
                    assert!(ground.issuer.disable_user(&ada, None).await.expect("closed").is_some());
                }
            };
            let exchanged = async {
                until_somebody_waits(&ground).await;
                tx.commit().await.expect("committed");
            };
            tokio::join!(end, exchanged);
            let ended = ground.issuer.ended_grants().await.expect("asked");
            assert!(ended.contains(&grant.id), "it outlived the client: {of_client}");
        })
        .await;
    }
}

fn grant_of(ground: &Ground, code: &AuthorizationCode) -> Grant {
    Grant {
        id: GrantId::new(code.created_at, &ground.issuer.random).expect("chance"),
        user_id: code.user_id,
        client_id: code.client_id.clone(),
        resource: code.resource.clone(),
        scope: code.scope.clone(),
        created_at: code.created_at,
        last_used_at: code.created_at,
        ended_at: None,
        end_reason: None,
    }
}

/// Until a transaction waits for a row of another. SQLite has one transaction at a time, so there the wait is for the
/// first to be over, and it does not matter how long that is.
async fn until_somebody_waits(ground: &Ground) {
    if !ground.is_postgres() {
        return;
    }
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for _ in 0..TURNS {
        let row = ground.issuer.db.query_opt(sql, &[]).await.expect("asked").expect("a row");
        if row.get::<i64>(0).expect("a number") > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nobody waits");
}

/// Far more than a wait can take that comes at all.
const TURNS: usize = 4000;

#[tokio::test]
async fn a_logout_there_waits_for_a_code_that_is_being_issued() {
    on_each_database(open(), async |ground| {
        let client = ground.client("Probe").await;
        let mut browser = ground.browser();
        let asked = ground.allow(&mut browser, &client).await;
        let back = ground.back(&mut browser, &asked, "s-1", "ada@example.com").await;
        let first = returned(&back, "code").and_then(|code| PlainToken::parse(TokenKind::Code, &code)).expect("a code");
        let first = codes::find(&ground.issuer.db, &first.hash()).await.expect("asked").expect("a code");
        // Another like it, which nobody else sees yet.
        let plain = PlainToken::generate(TokenKind::Code, &ground.issuer.random).expect("chance");
        let code = AuthorizationCode { hash: plain.hash(), ..first };
        let mut tx = ground.issuer.db.begin("test").await.expect("begun");
        assert!(sessions::hold(&mut tx, code.session_id.expect("a session")).await.expect("held"));
        codes::insert(&mut tx, &code).await.expect("inserted");
        let mut claims = logout(&ground, "j-1");
        claims["sub"] = "s-1".into();
        let issued = async {
            until_somebody_waits(&ground).await;
            tx.commit().await.expect("committed");
        };
        let (told, ()) = tokio::join!(tell(&ground, &claims), issued);
        assert_eq!(told.status, StatusCode::OK, "{}", told.body);
        let ended = codes::find(&ground.issuer.db, &code.hash).await.expect("asked").expect("a code");
        assert!(ended.used_at.is_some(), "it outlived the logout");
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", &client),
            ("code", plain.expose_secret()),
            ("code_verifier", VERIFIER),
            ("redirect_uri", CALLBACK),
        ];
        assert_eq!(error_of(&ground.token_request(&fields).await).as_deref(), Some("invalid_grant"));
    })
    .await;
}

#[tokio::test]
async fn a_login_that_the_provider_has_taken_back_gives_no_codes() {
    on_each_database(open(), async |ground| {
        let (mut browser, client, _) = connected(&ground).await;
        let query = format!("/authorize?{}", authorize_query(&client, &[]));
        assert!(returned(&browser.get(&query).await, "code").is_some(), "while it stands");
        ground.clock.advance(Duration::from_secs(290));
        *ground.provider.refusal.lock().expect("refusal") = Some("invalid_grant");
        let answer = browser.get(&query).await;
        assert!(returned(&answer, "code").is_none(), "{}", answer.header("location"));
        assert!(!ground.is_logged_in(&browser).await);
    })
    .await;
}

#[tokio::test]
async fn a_login_that_nobody_can_be_asked_about_is_made_again_and_nothing_else_ends() {
    on_each_database(open(), async |ground| {
        let (browser, client, refresh) = connected(&ground).await;
        let connections = &ground.issuer.provider.as_ref().expect("a provider").connections;
        let id = LOGIN.parse().expect("an id");
        connections.end(&id, ada(&ground).await.id, None).await.expect("ended").expect("there was one");
        assert!(!ground.is_logged_in(&browser).await);
        assert_eq!(error_of(&ground.refresh(&client, &refresh).await).as_deref(), Some("invalid_grant"));
        let mut browser = ground.browser();
        ground.log_in(&mut browser, "s-1", "ada@example.com").await;
        assert!(ground.is_logged_in(&browser).await);
        assert_eq!(ground.refresh(&client, &refresh).await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn without_a_refresh_token_a_login_stands_for_a_day() {
    on_each_database(open(), async |ground| {
        ground.provider.lasting.store(false, std::sync::atomic::Ordering::Relaxed);
        let (_, client, refresh) = connected(&ground).await;
        ground.clock.advance(DAY - Duration::from_secs(60));
        let refresh = refresh_token(&ground.refresh(&client, &refresh).await);
        ground.clock.advance(Duration::from_secs(60));
        assert_eq!(error_of(&ground.refresh(&client, &refresh).await).as_deref(), Some("invalid_grant"));
        ground.log_in(&mut ground.browser(), "s-1", "ada@example.com").await;
        assert_eq!(ground.refresh(&client, &refresh).await.status, StatusCode::OK, "for another day");
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_fails_is_waited_for_and_not_for_ever() {
    on_each_database(open(), async |ground| {
        let (_, client, refresh) = connected(&ground).await;
        *ground.provider.refusal.lock().expect("refusal") = Some("server_error");
        ground.clock.advance(DAY + DAY - Duration::from_secs(60));
        let refresh = refresh_token(&ground.refresh(&client, &refresh).await);
        ground.clock.advance(DAY);
        assert_eq!(error_of(&ground.refresh(&client, &refresh).await).as_deref(), Some("invalid_grant"));
        *ground.provider.refusal.lock().expect("refusal") = None;
        // It is not asked more often than after some failures is seemly.
        ground.clock.advance(Duration::from_secs(60 * 60));
        assert_eq!(ground.refresh(&client, &refresh).await.status, StatusCode::OK, "it says that the login stands");
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_of_one_identity_is_not_kept_for_another() {
    on_each_database(open(), async |ground| {
        for (subject, kept) in [("s-1", true), ("s-2", false)] {
            let (_, client, refresh) = connected(&ground).await;
            ground.provider.lasting.store(false, std::sync::atomic::Ordering::Relaxed);
            ground.invite("ada@example.com", false).await;
            let answer = ground.log_in(&mut ground.browser(), subject, "ada@example.com").await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
            ground.provider.asked.lock().expect("asked").clear();
            ground.clock.advance(Duration::from_secs(290));
            assert_eq!(ground.refresh(&client, &refresh).await.status, StatusCode::OK);
            let refreshed = !ground.provider.asked.lock().expect("asked").is_empty();
            assert_eq!(refreshed, kept, "{subject}");
            ground.provider.lasting.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_from_before_there_was_a_provider_is_none() {
    on_each_database(open(), async |ground| {
        ground.log_in(&mut ground.browser(), "s-1", "ada@example.com").await;
        let user = ada(&ground).await;
        for (how, is_one) in [("password", false), (session::BY_PROVIDER, true)] {
            let mut tx = ground.issuer.db.begin("test").await.expect("begun");
            let cookie = session::start(&ground.issuer, &mut tx, &HeaderMap::new(), &user, how).await.expect("begun");
            tx.commit().await.expect("committed");
            let cookie = cookie.to_str().expect("ASCII").split(';').next().expect("a cookie").to_owned();
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::try_from(cookie).expect("a header"))]);
            let current = session::current(&ground.issuer, &headers).await.expect("database");
            assert_eq!(current.is_some(), is_one, "{how}");
        }
    })
    .await;
}
