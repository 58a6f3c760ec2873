use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, StatusCode};
use keyward_core::id::{GrantId, SessionId};
use keyward_storage::{codes, grants};
use serde_json::json;

use crate::oauth_testing::{Answer, CALLBACK, CODA, ISSUER, SLACK, Site, claims, sites, two_servers};
use crate::session;

fn grant_of(answer: &Answer) -> GrantId {
    answer.claims()["grant_id"].as_str().expect("grant_id").parse().expect("id")
}

async fn end_reason(site: &Site, grant_id: GrantId) -> Option<String> {
    grants::find(&site.issuer.db, grant_id).await.expect("db").expect("grant").end_reason
}

#[tokio::test]
async fn a_code_gives_tokens_for_what_was_allowed() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        let asked = [("resource", SLACK), ("scope", "slack:post openid email unknown"), ("nonce", "n-1")];
        let code = site.code(&client_id, &asked).await;
        let answer = site.exchange(&client_id, &code).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        assert_eq!(answer.json()["token_type"], "Bearer");
        assert_eq!(answer.json()["expires_in"], 600);
        assert_eq!(answer.json()["scope"], "email openid slack:post");
        let access = answer.claims();
        assert_eq!((&access["iss"], &access["aud"]), (&json!(ISSUER), &json!(SLACK)));
        assert_eq!((&access["sub"], &access["client_id"]), (&json!(site.ada.to_string()), &json!(client_id)));
        assert_eq!(access["exp"].as_i64().expect("exp") - access["iat"].as_i64().expect("iat"), 600);
        let id_token = claims(&answer.text("id_token"));
        assert_eq!((&id_token["aud"], &id_token["nonce"]), (&json!(client_id), &json!("n-1")));
        assert_eq!(id_token["email"], "ada@example.com");
    }
}

#[tokio::test]
async fn a_replayed_code_takes_back_what_it_gave() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        let code = site.code(&client_id, &[]).await;
        let first = site.exchange(&client_id, &code).await;
        assert_eq!(site.exchange(&client_id, &code).await.error(), (400, "invalid_grant".to_owned()));
        assert_eq!(end_reason(&site, grant_of(&first)).await.as_deref(), Some("code_replayed"));
        let refreshed = site.refresh(&client_id, &first.text("refresh_token")).await;
        assert_eq!(refreshed.error(), (400, "invalid_grant".to_owned()));
        assert_eq!(site.issuer.ended_grants().await.expect("db"), [grant_of(&first)]);
    }
}

#[tokio::test]
async fn a_code_ends_with_the_session_that_it_was_given_in() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        let code = site.code(&client_id, &[]).await;
        let headers = HeaderMap::from_iter([(COOKIE, site.cookie.parse().expect("a cookie"))]);
        let person = session::current(&site.issuer, &headers).await.expect("db").expect("logged in");
        let other = SessionId::new(site.issuer.clock.now(), &site.issuer.random).expect("chance");
        assert!(!site.issuer.end_session(&person, other).await.expect("db"), "there is none");
        assert_eq!(site.exchange(&client_id, &code).await.status, StatusCode::OK);
        let code = site.code(&client_id, &[]).await;
        assert!(site.issuer.end_session(&person, person.session_id).await.expect("db"));
        assert_eq!(site.exchange(&client_id, &code).await.error(), (400, "invalid_grant".to_owned()));
    }
}

#[tokio::test]
async fn what_ends_codes_does_not_ask_whether_their_time_is_over() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        // Whoever ends them has another clock than whoever exchanges one, or looks at it later.
        let later = site.issuer.clock.now().plus(Duration::from_secs(3600));
        let mut tx = site.issuer.db.begin("test").await.expect("begun");
        assert_eq!(codes::end_all(&mut tx, site.ada, later).await.expect("ended"), 0);
        tx.commit().await.expect("committed");
        let code = site.code(&client_id, &[]).await;
        let mut tx = site.issuer.db.begin("test").await.expect("begun");
        assert_eq!(codes::end_all(&mut tx, site.ada, later).await.expect("ended"), 1);
        tx.commit().await.expect("committed");
        assert_eq!(site.exchange(&client_id, &code).await.error(), (400, "invalid_grant".to_owned()));
        let code = site.code(&client_id, &[]).await;
        let mut tx = site.issuer.db.begin("test").await.expect("begun");
        assert_eq!(codes::end_of_client(&mut tx, &client_id, later).await.expect("ended"), 1);
        tx.commit().await.expect("committed");
        assert_eq!(site.exchange(&client_id, &code).await.error(), (400, "invalid_grant".to_owned()));
    }
}

#[tokio::test]
async fn of_two_exchanges_at_once_none_keeps_its_tokens() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        let code = site.code(&client_id, &[]).await;
        let (one, other) = tokio::join!(site.exchange(&client_id, &code), site.exchange(&client_id, &code));
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400]);
        let winner = if one.status == StatusCode::OK { one } else { other };
        assert!(end_reason(&site, grant_of(&winner)).await.is_some());
    }
}

#[tokio::test]
async fn a_code_is_bound_to_all_that_it_was_asked_with() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        let other_client = site.public_client(&[CALLBACK, "https://other.example/cb"]).await;
        let code = site.code(&client_id, &[]).await;
        let good = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id.as_str()),
            ("code", &code),
            ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            ("redirect_uri", CALLBACK),
            ("resource", CODA),
        ];
        for (name, value, error) in [
            ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXj", "invalid_grant"),
            ("code_verifier", "", "invalid_request"),
            ("code", "kwc_unknown", "invalid_grant"),
            ("code", "", "invalid_request"),
            ("redirect_uri", "https://client.example/other", "invalid_grant"),
            ("client_id", other_client.as_str(), "invalid_grant"),
            ("resource", SLACK, "invalid_target"),
            ("resource", "https://other.example/mcp", "invalid_target"),
            ("grant_type", "client_credentials", "unsupported_grant_type"),
            ("grant_type", "", "invalid_request"),
        ] {
            let mut fields = good;
            fields.iter_mut().filter(|(field, _)| *field == name).for_each(|field| field.1 = value);
            let answer = site.post("/token", &fields, None).await;
            assert_eq!(answer.error(), (400, error.to_owned()), "{name}={value}");
        }
        let twice: Vec<_> = good.iter().copied().chain([("code", code.as_str())]).collect();
        assert_eq!(site.post("/token", &twice, None).await.error(), (400, "invalid_request".to_owned()));

        // None of these has used the code up.
        assert_eq!(site.post("/token", &good, None).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_code_lives_for_a_minute() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        let (late, in_time) = (site.code(&client_id, &[]).await, site.code(&client_id, &[]).await);
        site.advance(59);
        assert_eq!(site.exchange(&client_id, &in_time).await.status, StatusCode::OK);
        site.advance(1);
        assert_eq!(site.exchange(&client_id, &late).await.error(), (400, "invalid_grant".to_owned()));
    }
}

#[tokio::test]
async fn clients_authenticate_in_one_way() {
    for site in sites(two_servers()).await {
        let unknown = site.exchange("0198c7b4-0000-7000-8000-000000000000", "kwc_x").await;
        assert_eq!(unknown.error(), (401, "invalid_client".to_owned()));
        assert!(unknown.headers.contains_key("www-authenticate"));
        assert_eq!(site.exchange("a\0b", "kwc_x").await.error(), (401, "invalid_client".to_owned()));

        let registered = site.register(&json!({"redirect_uris": [CALLBACK]})).await;
        let (client_id, secret) = (registered.text("client_id"), registered.text("client_secret"));
        assert_eq!(registered.json()["token_endpoint_auth_method"], "client_secret_basic");
        let code = site.code(&client_id, &[]).await;
        assert_eq!(site.exchange(&client_id, &code).await.error(), (401, "invalid_client".to_owned()));
        let verifier = ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), verifier];
        let wrong = site.post("/token", &fields, Some(&format!("{client_id}:kws_wrong"))).await;
        assert_eq!(wrong.error(), (401, "invalid_client".to_owned()));
        let both: Vec<_> = fields.iter().copied().chain([("client_secret", secret.as_str())]).collect();
        let basic = format!("{client_id}:{secret}");
        assert_eq!(site.post("/token", &both, Some(&basic)).await.error(), (400, "invalid_request".to_owned()));
        assert_eq!(site.post("/token", &fields, Some(&basic)).await.status, StatusCode::OK);

        let code = site.code(&client_id, &[]).await;
        let posted = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id.as_str()),
            ("client_secret", secret.as_str()),
            ("code", code.as_str()),
            verifier,
        ];
        assert_eq!(site.post("/token", &posted, None).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn what_is_no_request_for_tokens_is_refused_as_json() {
    for site in sites(two_servers()).await {
        let get = site.get("/token").await;
        assert_eq!(get.error(), (405, "invalid_request".to_owned()));
        assert_eq!(get.headers[ALLOW], "POST");
        let long = "x".repeat(site.issuer.config.max_body_bytes);
        assert_eq!(site.post("/token", &[("code", &long)], None).await.error(), (413, "invalid_request".to_owned()));
        let request = http::Request::post("/token").header(CONTENT_TYPE, "application/json").body("{}".into());
        assert_eq!(site.send(request.expect("request")).await.error(), (400, "invalid_request".to_owned()));
        let preflight = http::Request::options("/token").body(axum::body::Body::empty()).expect("request");
        let preflight = site.send(preflight).await;
        assert_eq!(preflight.status, StatusCode::NO_CONTENT);
        assert!(preflight.headers.contains_key("access-control-allow-headers"));
    }
}
