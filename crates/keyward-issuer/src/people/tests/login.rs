//! Logging in.

use std::net::IpAddr;
use std::time::Duration;

use http::StatusCode;

use crate::account::email::EmailAddress;
use crate::testing::{PASSWORD, Site, on_each_database};

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn logging_in_leads_to_where_the_person_wanted_to_go() {
    on_each_database(async |site: Site| {
        site.member(ADA).await;
        let mut browser = site.browser();
        let next = "/authorize?client_id=a&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2F&state=a%2Bb";
        let page = browser.get(&format!("/login?next={}", site.encode(next))).await;
        assert!(!page.header("content-security-policy").contains("form-action"), "the client's redirect follows");
        let done = browser.submit("/login", &[("email", " Ada@example.com"), ("password", PASSWORD)]).await;
        assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, next));
        let again = browser.get("/login").await;
        assert_eq!((again.status, again.header("location")), (StatusCode::SEE_OTHER, "/account"));
        assert_eq!(browser.get("/login?again=1").await.status, StatusCode::OK, "the form shows when it must");
    })
    .await;
}

#[tokio::test]
async fn foreign_targets_are_dropped() {
    on_each_database(async |site: Site| {
        site.member(ADA).await;
        for next in
            ["//evil.example", "/\\evil.example", "https://evil.example/", "https:evil.example", "/\t/evil.example"]
        {
            let mut browser = site.browser();
            let page = browser.get(&format!("/login?next={}", site.encode(next))).await;
            assert!(page.header("content-security-policy").contains("form-action 'self'"));
            assert!(!page.body.contains("evil"), "{next:?}");
            let fields = [("email", ADA), ("password", PASSWORD), ("next", next)];
            let done = browser.submit("/login", &fields).await;
            assert_eq!(done.header("location"), "/account", "{next:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn wrong_password_and_unknown_account_look_alike() {
    on_each_database(async |site: Site| {
        site.member(ADA).await;
        let wrong = site.log_in(ADA, "not the password").await;
        let unknown = site.log_in("bob@example.com", "not the password").await;
        assert_eq!((wrong.status, unknown.status), (StatusCode::FORBIDDEN, StatusCode::FORBIDDEN));
        assert_eq!(wrong.alert(), unknown.alert());
        assert!(!wrong.body.contains("not the password"), "a password is never shown again");
        assert!(wrong.headers.get("set-cookie").is_none());
    })
    .await;
}

#[tokio::test]
async fn guessing_at_one_account_is_slowed_down_and_forgiven() {
    on_each_database(async |site: Site| {
        site.member(ADA).await;
        for address in 0..6_u8 {
            let wrong = site.log_in_from(IpAddr::from([198, 51, 100, address]), ADA, "a guess").await;
            assert_eq!(wrong.status, StatusCode::FORBIDDEN);
        }
        let slowed = site.log_in(ADA, PASSWORD).await;
        assert_eq!(slowed.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(slowed.header("retry-after"), "1");
        assert_eq!(slowed.alert(), "Too many attempts have failed. Wait 1 second, then try again.");
        // As if it had been stopped and started: the count is in the database.
        let site = site.restarted().await;
        assert_eq!(site.log_in(ADA, PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
        site.clock.advance(Duration::from_secs(1));
        assert_eq!(site.log_in(ADA, PASSWORD).await.status, StatusCode::SEE_OTHER);
        assert_eq!(site.log_in(ADA, "a slip").await.status, StatusCode::FORBIDDEN, "a success clears the count");
    })
    .await;
}

#[tokio::test]
async fn waiting_is_bounded() {
    on_each_database(async |site: Site| {
        site.member(ADA).await;
        let mut longest = 0;
        for _ in 0..30 {
            let answer = site.log_in(ADA, "a guess").await;
            let wait = answer.header("retry-after").parse().unwrap_or(0);
            longest = longest.max(wait);
            site.clock.advance(Duration::from_secs(wait));
        }
        assert_eq!(longest, 300, "five minutes at most");
        site.clock.advance(Duration::from_secs(300));
        assert_eq!(site.log_in(ADA, PASSWORD).await.status, StatusCode::SEE_OTHER);
    })
    .await;
}

#[tokio::test]
async fn one_address_that_tries_many_accounts_is_slowed_down() {
    on_each_database(async |site: Site| {
        site.member(ADA).await;
        let attacker = IpAddr::from([203, 0, 113, 9]);
        for account in 0..31 {
            site.log_in_from(attacker, &format!("user{account}@example.com"), "a guess").await;
        }
        assert_eq!(site.log_in_from(attacker, ADA, PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(site.log_in(ADA, PASSWORD).await.status, StatusCode::SEE_OTHER, "others are not");
    })
    .await;
}

#[tokio::test]
async fn many_guesses_at_once_gain_nothing() {
    on_each_database(async |site: Site| {
        site.member(ADA).await;
        let guesses = (0..12).map(|_| site.log_in(ADA, "a guess"));
        let answers = futures_util::future::join_all(guesses).await;
        let tried = answers.iter().filter(|answer| answer.status == StatusCode::FORBIDDEN).count();
        assert_eq!(tried, 6, "five are free, the sixth starts the wait");
    })
    .await;
}

#[tokio::test]
async fn a_closed_account_is_told_only_to_its_owner() {
    on_each_database(async |site: Site| {
        let mut browser = site.member(ADA).await;
        let ada = EmailAddress::parse(ADA).expect("address");
        assert!(site.issuer.disable_user(&ada, None).await.expect("disable").is_some());
        assert!(site.issuer.disable_user(&ada, None).await.expect("disable").is_none(), "once");
        assert!(!site.is_logged_in(&mut browser).await, "its sessions end");
        assert!(!site.log_in(ADA, "a guess").await.body.contains("closed"));
        assert!(site.log_in(ADA, PASSWORD).await.alert().contains("closed"));
    })
    .await;
}

#[tokio::test]
async fn mistyped_forms_are_answered_with_a_page() {
    on_each_database(async |site: Site| {
        let mut browser = site.browser();
        browser.get("/login").await;
        let answer = browser.submit("/login", &[("email", "ada"), ("password", "x")]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.alert().contains("not an e-mail address"));
        for fields in [&[("email", ADA)][..], &[("email", ADA), ("email", ADA), ("password", "x")][..]] {
            let answer = browser.submit("/login", fields).await;
            assert!(answer.status.is_client_error() && answer.body.contains("can’t be read"), "{}", answer.body);
        }
        let heavy = "x".repeat(70_000);
        let answer = browser.submit("/login", &[("email", ADA), ("password", &heavy)]).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    })
    .await;
}
