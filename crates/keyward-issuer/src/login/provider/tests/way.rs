//! The whole way, and its pages.

use std::sync::atomic::Ordering;

use http::StatusCode;
use keyward_storage::audit::AuditFilter;
use keyward_storage::upstream_grants;
use serde_json::json;

use super::ground::{BEGINNING, json_of, on_each_database, on_each_database_at_github, open, returned};
use crate::oauth_testing::{ISSUER, authorize_query, claims};
use crate::testing::Answer;

#[tokio::test]
async fn a_client_gets_tokens_of_ours_for_a_person_of_theirs() {
    on_each_database(open(), async |ground| {
        let client = ground.client("Probe").await;
        let mut browser = ground.browser();
        let asked = ground.allow(&mut browser, &client).await;
        assert_eq!(asked["client_id"], "keyward");
        assert_eq!(asked["redirect_uri"], format!("{ISSUER}/login/callback"));
        assert_eq!((asked["scope"].as_str(), asked["code_challenge_method"].as_str()), ("email openid", "S256"));
        assert!(asked["state"].starts_with("kwo_") && asked["nonce"].len() == 43, "{asked:?}");

        let back = ground.back(&mut browser, &asked, "s-1", "Ada@example.com").await;
        assert_eq!(returned(&back, "state").as_deref(), Some("st at&e"));
        assert_eq!(returned(&back, "iss").as_deref(), Some(ISSUER), "ours, not the provider's");
        let tokens = ground.exchange(&client, &back).await;
        assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
        let access = json_of(&tokens)["access_token"].as_str().expect("a token").to_owned();
        assert_eq!(claims(&access)["iss"], ISSUER);
        assert!(!tokens.body.contains("secret-"), "what the provider gave stays here");

        let person = crate::session::current(&ground.issuer, &browser.cookie_header()).await.expect("database");
        let person = person.expect("logged in");
        assert_eq!((person.email.as_str(), person.is_admin), ("ada@example.com", false));
        let grant = upstream_grants::find(&ground.issuer.db, "login", person.user_id).await.expect("asked");
        let grant = grant.expect("kept in the cabinet");
        assert!(!String::from_utf8_lossy(&grant.sealed.ciphertext).contains("secret-"), "sealed");
    })
    .await;
}

#[tokio::test]
async fn the_same_person_is_asked_again_by_another_client_only() {
    on_each_database(open(), async |ground| {
        let (first, second) = (ground.client("First").await, ground.client("Second").await);
        let mut browser = ground.browser();
        let asked = ground.allow(&mut browser, &first).await;
        ground.back(&mut browser, &asked, "s-1", "ada@example.com").await;
        let again = browser.get(&format!("/authorize?{}", authorize_query(&first, &[]))).await;
        assert!(returned(&again, "code").is_some(), "allowed before: {} {}", again.status, again.body);
        let other = browser.get(&format!("/authorize?{}", authorize_query(&second, &[]))).await;
        assert!(other.body.contains("Second") && other.body.contains("ada@example.com"), "{}", other.body);
    })
    .await;
}

#[tokio::test]
async fn no_and_silence_are_answers_without_a_login() {
    on_each_database(open(), async |ground| {
        let client = ground.client("Probe").await;
        let mut browser = ground.browser();
        let silent = browser.get(&format!("/authorize?{}", authorize_query(&client, &[("prompt", "none")]))).await;
        assert_eq!(returned(&silent, "error").as_deref(), Some("login_required"));
        browser.get(&format!("/authorize?{}", authorize_query(&client, &[]))).await;
        let denied = browser.submit("/consent", &[("decision", "deny")]).await;
        assert_eq!(returned(&denied, "error").as_deref(), Some("access_denied"));
        ground.issuer.audit.flush().await;
        let records = keyward_storage::audit::list(&ground.issuer.db, &AuditFilter::default()).await.expect("records");
        assert!(records.iter().all(|record| record.action != "consent"), "nobody in particular has denied it");
        let asked = ground.allow(&mut browser, &client).await;
        let refused =
            format!("/login/callback?error=access_denied&state={}&iss={}", asked["state"], ground.provider.url);
        let page = browser.get(&refused).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(ground.provider.asked.lock().expect("asked").is_empty(), "no token was asked for");
    })
    .await;
}

#[tokio::test]
async fn the_login_page_has_one_button_and_no_password() {
    on_each_database(open(), async |ground| {
        let mut browser = ground.browser();
        let page = browser.get("/login").await;
        assert!(page.body.contains("Continue with The Provider") && !page.body.contains("type=\"password\""));
        let form = [("email", "ada@example.com"), ("password", "correct horse battery"), ("csrf", "x")];
        assert_eq!(browser.post("/login", &form).await.status, StatusCode::NOT_FOUND);
        let link = ground.issuer.invite_user(None, false, None).await.expect("invited").link();
        let invited = browser.get(link.strip_prefix(ISSUER).expect("a link to here")).await;
        assert!(invited.status == StatusCode::NOT_FOUND && invited.body.contains("The Provider"));
        let back = ground.log_in(&mut browser, "s-1", "ada@example.com").await;
        assert_eq!((back.status, back.header("location")), (StatusCode::SEE_OTHER, "/account"));
        let page = browser.get("/login?again=1").await;
        assert_eq!(page.status, StatusCode::OK);
        let left = browser.submit("/login/provider", &[]).await;
        assert_eq!(ground.asked(&left)["prompt"], "login");
    })
    .await;
}

#[tokio::test]
async fn an_address_may_come_from_the_userinfo_endpoint() {
    on_each_database(open(), async |ground| {
        let mut browser = ground.browser();
        let asked = ground.leave(&mut browser, "%2Faccount").await;
        let mut claims = ground.claims(&asked, "s-1", "");
        claims.as_object_mut().expect("claims").retain(|name, _| !name.starts_with("email"));
        *ground.provider.claims.lock().expect("claims") = claims;
        let said = json!({ "sub": "s-1", "email": "ada@example.com", "email_verified": true });
        *ground.provider.userinfo.lock().expect("userinfo") = said;
        let back = browser.get(&ground.answer(&asked)).await;
        assert_eq!(back.header("location"), "/account", "{}", back.body);
    })
    .await;
}

#[tokio::test]
async fn logging_out_here_offers_to_log_out_there() {
    on_each_database(open(), async |ground| {
        let mut browser = ground.browser();
        ground.log_in(&mut browser, "s-1", "ada@example.com").await;
        let person = crate::session::current(&ground.issuer, &browser.cookie_header()).await.expect("database");
        let csrf = person.expect("logged in").csrf;
        let out = browser.post("/logout", &[("csrf", &csrf)]).await;
        assert!(!ground.is_logged_in(&browser).await);
        let link = format!("href=\"{}/logout?client_id=keyward\"", ground.provider.url);
        assert!(out.body.contains(&link), "{}", out.body);
    })
    .await;
}

#[tokio::test]
async fn at_github_a_person_is_their_number_and_their_verified_primary_address() {
    on_each_database_at_github(open(), async |ground| {
        let client = ground.client("Probe").await;
        let emails = |verified: bool| {
            json!([
                { "email": "other@example.com", "primary": false, "verified": true },
                { "email": "Ada@example.com", "primary": true, "verified": verified },
            ])
        };
        *ground.provider.userinfo.lock().expect("userinfo") = emails(false);
        let mut browser = ground.browser();
        let asked = ground.allow(&mut browser, &client).await;
        assert!(!asked.contains_key("nonce"), "there is no ID token that it could come back in");
        assert_eq!(browser.get(&ground.answer(&asked)).await.status, StatusCode::FORBIDDEN, "not verified");

        *ground.provider.userinfo.lock().expect("userinfo") = emails(true);
        let asked = ground.allow(&mut browser, &client).await;
        let back = browser.get(&ground.answer(&asked)).await;
        assert_eq!(ground.exchange(&client, &back).await.status, StatusCode::OK);
        let person = crate::session::current(&ground.issuer, &browser.cookie_header()).await.expect("database");
        assert_eq!(person.expect("logged in").email, "ada@example.com");

        // The number stays when the address goes.
        *ground.provider.userinfo.lock().expect("userinfo") = emails(false);
        let asked = ground.leave(&mut ground.browser(), "%2Faccount").await;
        assert_eq!(ground.browser().get(&ground.answer(&asked)).await.status, StatusCode::FORBIDDEN, "another browser");
        let mut browser = ground.browser();
        let asked = ground.leave(&mut browser, "%2Faccount").await;
        assert_eq!(browser.get(&ground.answer(&asked)).await.header("location"), "/account");
    })
    .await;
}

#[tokio::test]
async fn a_login_that_was_to_be_a_fresh_one_is_one() {
    on_each_database(open(), async |ground| {
        let mut browser = ground.browser();
        for (page, seconds_ago, expected) in [
            ("/login", 100, StatusCode::SEE_OTHER),
            ("/login?again=1", 100, StatusCode::FORBIDDEN),
            ("/login?again=1", 0, StatusCode::SEE_OTHER),
        ] {
            browser.get(page).await;
            let left = browser.submit("/login/provider", &[]).await;
            let asked = ground.asked(&left);
            let fresh = page.contains("again");
            assert_eq!(asked.get("max_age").map(String::as_str), fresh.then_some("0"), "{page}");
            let mut claims = ground.claims(&asked, "s-1", "ada@example.com");
            claims["auth_time"] = (BEGINNING - seconds_ago).into();
            *ground.provider.claims.lock().expect("claims") = claims;
            let back = browser.get(&ground.answer(&asked)).await;
            assert_eq!(back.status, expected, "{page} {seconds_ago}");
            browser = ground.browser();
        }
    })
    .await;
}

#[tokio::test]
async fn while_the_provider_is_away_a_page_says_so_and_leads_on() {
    on_each_database(open(), async |ground| {
        let client = ground.client("Probe").await;
        let mut browser = ground.browser();
        let away = &ground.provider.is_away;
        away.store(true, Ordering::Relaxed);
        let query = authorize_query(&client, &[]);
        browser.get(&format!("/authorize?{query}")).await;
        let told = browser.submit("/consent", &[("decision", "allow")]).await;
        assert_eq!(told.status, StatusCode::SERVICE_UNAVAILABLE, "{}", told.body);
        assert!(told.body.contains("You can’t log in just now") && !told.body.contains(&ground.provider.url));
        let again = link(&told);
        assert!(again.starts_with("/authorize?"), "{again}");
        browser.get("/login?next=%2Faccount%2Fclients").await;
        let told = browser.submit("/login/provider", &[]).await;
        assert_eq!(
            (told.status, link(&told).as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "/login?next=%2Faccount%2Fclients")
        );

        away.store(false, Ordering::Relaxed);
        ground.clock.advance(std::time::Duration::from_secs(5));
        let page = browser.get(&again).await;
        assert!(page.body.contains("data-client-name"), "{} {}", page.status, page.body);
        let asked = ground.asked(&browser.submit("/consent", &[("decision", "allow")]).await);
        // The code is not exchanged: the way back ends on a page that leads to its beginning, too.
        *ground.provider.refusal.lock().expect("refusal") = Some("server_error");
        let told = ground.back(&mut browser, &asked, "s-1", "ada@example.com").await;
        assert_eq!((told.status, link(&told)), (StatusCode::BAD_GATEWAY, again.clone()));
        *ground.provider.refusal.lock().expect("refusal") = None;
        browser.get(&again).await;
        let asked = ground.asked(&browser.submit("/consent", &[("decision", "allow")]).await);
        let back = ground.back(&mut browser, &asked, "s-1", "ada@example.com").await;
        assert!(returned(&back, "code").is_some(), "{} {}", back.status, back.body);
    })
    .await;
}

/// Where a page leads that tells of a way that came to nothing.
fn link(page: &Answer) -> String {
    let rest =
        page.body.split("<p class=\"after\"><a href=\"").nth(1).unwrap_or_else(|| panic!("no link: {}", page.body));
    rest.split('"').next().unwrap_or_default().replace("&amp;", "&")
}
