//! Sessions, their cookies, and forms that come from elsewhere.

use std::time::Duration;

use http::StatusCode;

use crate::testing::{PASSWORD, Site, on_each_database, on_each_database_at};

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn cookies_follow_the_scheme() {
    on_each_database_at("https://mcp.example.com", async |site: Site| {
        site.member(ADA).await;
        let answer = site.log_in(ADA, PASSWORD).await;
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with("__Host-keyward_session=kwb_"), "{cookie}");
        for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    })
    .await;
    on_each_database(async |site: Site| {
        site.member(ADA).await;
        let answer = site.log_in(ADA, PASSWORD).await;
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with("keyward_session_8080=kwb_") && !cookie.contains("Secure"), "{cookie}");
    })
    .await;
}

#[tokio::test]
async fn a_session_is_never_one_that_was_there_before() {
    on_each_database(async |site: Site| {
        let mut browser = site.member(ADA).await;
        let first = browser.cookies["keyward_session_8080"].clone();
        // Somebody else's session in the browser does not survive the login.
        browser.get("/login?again=1").await;
        browser.submit("/login", &[("email", ADA), ("password", PASSWORD)]).await;
        let second = browser.cookies["keyward_session_8080"].clone();
        assert_ne!(first, second);
        assert!(site.is_logged_in(&mut browser).await);
        browser.cookies.insert("keyward_session_8080".to_owned(), first);
        assert!(!site.is_logged_in(&mut browser).await, "the one before has ended");

        // A value planted before the login stays worthless after it.
        let planted = "kwb_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned();
        let mut victim = site.browser();
        victim.cookies.insert("keyward_session_8080".to_owned(), planted.clone());
        victim.get("/login").await;
        victim.submit("/login", &[("email", ADA), ("password", PASSWORD)]).await;
        assert_ne!(victim.cookies["keyward_session_8080"], planted);
        let mut attacker = site.browser();
        attacker.cookies.insert("keyward_session_8080".to_owned(), planted);
        assert!(!site.is_logged_in(&mut attacker).await);
    })
    .await;
}

#[tokio::test]
async fn two_at_different_ports_of_a_host_leave_each_others_sessions_alone() {
    on_each_database_at("http://127.0.0.1:8080", async |here: Site| {
        on_each_database_at("http://127.0.0.1:8081", async |there: Site| {
            let mut browser = here.member(ADA).await;
            there.member(ADA).await;
            // One browser: it sends the cookies of a host to all of its ports.
            let mut over_there = there.browser();
            over_there.cookies = browser.cookies.clone();
            assert!(!there.is_logged_in(&mut over_there).await);
            over_there.get("/login").await;
            over_there.submit("/login", &[("email", ADA), ("password", PASSWORD)]).await;
            assert!(there.is_logged_in(&mut over_there).await);
            browser.cookies = over_there.cookies;
            assert!(here.is_logged_in(&mut browser).await);
            let csrf = here.csrf(&browser).await;
            browser.post("/logout", &[("csrf", &csrf)]).await;
            assert!(!here.is_logged_in(&mut browser).await);
            let mut over_there = there.browser();
            over_there.cookies = browser.cookies;
            assert!(there.is_logged_in(&mut over_there).await, "a logout at one is none at the other");
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn sessions_end_by_idleness_and_by_age() {
    on_each_database(async |site: Site| {
        let mut browser = site.member(ADA).await;
        let day = Duration::from_secs(24 * 60 * 60);
        for _ in 0..6 {
            site.clock.advance(2 * day);
            assert!(site.is_logged_in(&mut browser).await, "in use");
        }
        site.clock.advance(2 * day);
        assert!(!site.is_logged_in(&mut browser).await, "fourteen days are the end, used or not");
        let mut idle = site.browser();
        idle.get("/login").await;
        idle.submit("/login", &[("email", ADA), ("password", PASSWORD)]).await;
        site.clock.advance(3 * day + Duration::from_secs(1));
        assert!(!site.is_logged_in(&mut idle).await, "three days without use are the end");
    })
    .await;
}

#[tokio::test]
async fn logging_out_ends_the_session_itself() {
    on_each_database(async |site: Site| {
        let mut browser = site.member(ADA).await;
        let token = browser.cookies["keyward_session_8080"].clone();
        let csrf = site.csrf(&browser).await;
        let out = browser.post("/logout", &[("csrf", &csrf)]).await;
        assert_eq!((out.status, out.header("location")), (StatusCode::SEE_OTHER, "/login"));
        assert!(!browser.cookies.contains_key("keyward_session_8080"));
        browser.cookies.insert("keyward_session_8080".to_owned(), token);
        assert!(!site.is_logged_in(&mut browser).await);
    })
    .await;
}

#[tokio::test]
async fn forms_from_elsewhere_are_refused() {
    on_each_database(async |site: Site| {
        let mut browser = site.member(ADA).await;
        let csrf = site.csrf(&browser).await;
        let foreign = [
            (vec![], vec![("sec-fetch-site", "same-origin")]),
            (vec![("csrf", "junk")], vec![("sec-fetch-site", "same-origin")]),
            (vec![("csrf", csrf.as_str())], vec![("sec-fetch-site", "cross-site"), ("origin", "null")]),
            (vec![("csrf", csrf.as_str())], vec![("origin", "https://evil.example")]),
        ];
        for (fields, headers) in foreign {
            let refused = browser.post_with("/logout", &fields, &headers).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{headers:?}");
            assert!(site.is_logged_in(&mut browser).await);
        }
        // A browser sends no cookie with another site's form, and keeps the one that it has.
        let without = site.browser().post_with("/logout", &[], &[("sec-fetch-site", "cross-site")]).await;
        assert_eq!(without.header("set-cookie"), "");
        // Another person's token is as good as none.
        let eve = site.member("eve@example.com").await;
        let hers = site.csrf(&eve).await;
        assert_eq!(browser.post("/logout", &[("csrf", &hers)]).await.status, StatusCode::FORBIDDEN);
    })
    .await;
}

#[tokio::test]
async fn nobody_can_be_logged_in_from_elsewhere() {
    on_each_database(async |site: Site| {
        site.member(ADA).await;
        let mut victim = site.browser();
        let fields = [("email", ADA), ("password", PASSWORD)];
        assert_eq!(victim.post("/login", &fields).await.status, StatusCode::FORBIDDEN, "no page was opened");
        let mut attacker = site.browser();
        let page = attacker.get("/login").await;
        let token = page.body.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        victim.get("/login").await;
        let fields = [("email", ADA), ("password", PASSWORD), ("csrf", token.expect("token"))];
        assert_eq!(victim.post("/login", &fields).await.status, StatusCode::FORBIDDEN, "a token of another browser");
    })
    .await;
}

#[tokio::test]
async fn every_page_is_protected() {
    on_each_database(async |site: Site| {
        let mut browser = site.browser();
        let invite = site.invite(None).await;
        for path in ["/", "/login", invite.as_str(), "/invite/junk", "/login?next=a&next=b"] {
            let page = browser.get(path).await;
            assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
            assert_eq!(page.header("x-frame-options"), "DENY", "{path}");
            assert_eq!(page.header("cache-control"), "no-store", "{path}");
            assert!(!page.body.contains("<script"), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn pages_live_below_the_path_of_the_issuer() {
    on_each_database_at("https://example.com/keys", async |site: Site| {
        site.member(ADA).await;
        let answer = site.log_in(ADA, PASSWORD).await;
        assert_eq!(answer.header("location"), "/keys/account");
        assert!(answer.header("set-cookie").contains("; Path=/;"), "a __Host- cookie needs the root");
        let landing = site.browser().get("/keys/").await;
        assert_eq!(landing.status, StatusCode::OK, "{}", landing.body);
        assert!(landing.body.contains("href=\"/keys/login\""), "{}", landing.body);
    })
    .await;
}
