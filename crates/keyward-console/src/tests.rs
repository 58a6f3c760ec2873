//! The account page over HTTP, on both databases.

use std::time::Duration;

use http::StatusCode;
use keyward_core::id::{GrantId, UserId};
use keyward_issuer::testing::{Browser, PASSWORD, Site, on_each_database};
use keyward_storage::grants::{self, Grant};

const ADA: &str = "ada@example.com";
const EVE: &str = "eve@example.com";

/// A browser whose person has an account, at the issuer's pages and the console's.
async fn member(site: &Site, email: &str) -> (Browser, UserId) {
    let mut browser = site.member(email).await;
    browser.router = browser.router.merge(crate::routes(&site.issuer));
    let users = site.issuer.list_users().await.expect("users");
    let user = users.iter().find(|user| user.email == email).expect("the member");
    (browser, user.id)
}

async fn connect(site: &Site, user_id: UserId) -> GrantId {
    let now = site.clock.now();
    let grant = Grant {
        id: GrantId::new(now, &site.issuer.random).expect("random"),
        user_id,
        client_id: "a-client".to_owned(),
        resource: "http://127.0.0.1:8080/coda/mcp".to_owned(),
        scope: "coda:read".parse().expect("scope"),
        created_at: now,
        last_used_at: now,
        ended_at: None,
        end_reason: None,
    };
    let mut tx = site.issuer.db.begin("test").await.expect("transaction");
    grants::insert(&mut tx, &grant).await.expect("insert");
    tx.commit().await.expect("commit");
    grant.id
}

#[tokio::test]
async fn the_page_is_for_those_who_are_logged_in() {
    on_each_database(async |site: Site| {
        let mut stranger = site.browser_of(crate::routes(&site.issuer));
        let sent = stranger.get("/account").await;
        assert_eq!((sent.status, sent.header("location")), (StatusCode::SEE_OTHER, "/login?next=%2Faccount"));
        for path in ["/account/disconnect", "/account/end-session"] {
            let id = "01890a5d-ac96-774b-bcce-b302099a8057";
            let sent = stranger.post(path, &[("grant", id), ("session", id), ("csrf", "x")]).await;
            assert_eq!(sent.status, StatusCode::SEE_OTHER, "{path}");
        }
        let (mut ada, _) = member(&site, ADA).await;
        let page = ada.get("/account").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains(ADA) && page.body.contains("No client is connected yet"), "{}", page.body);
        assert!(page.body.contains("Firefox on Linux") && page.body.contains("This browser"), "{}", page.body);
        assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
    })
    .await;
}

#[tokio::test]
async fn a_connection_is_ended_by_its_person_alone() {
    on_each_database(async |site: Site| {
        let (mut ada, ada_id) = member(&site, ADA).await;
        let (mut eve, _) = member(&site, EVE).await;
        let grant = connect(&site, ada_id).await.to_string();
        assert!(ada.get("/account").await.body.contains(&format!("data-grant=\"{grant}\"")));
        assert!(!eve.get("/account").await.body.contains(&grant));

        let csrf = site.csrf(&eve).await;
        eve.post("/account/disconnect", &[("csrf", &csrf), ("grant", &grant)]).await;
        assert!(ada.get("/account").await.body.contains(&grant), "Eve has no say");
        let refused = ada.post("/account/disconnect", &[("csrf", &csrf), ("grant", &grant)]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(ada.get("/account").await.body.contains(&grant), "nor has a form of Eve's");

        let mut news = site.issuer.db.changes();
        let csrf = site.csrf(&ada).await;
        let done = ada.post("/account/disconnect", &[("csrf", &csrf), ("grant", &grant)]).await;
        assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/account"));
        assert!(!ada.get("/account").await.body.contains(&grant));
        assert_eq!(news.next().await, keyward_storage::Topic::Revocations, "its tokens stop working at once");
    })
    .await;
}

#[tokio::test]
async fn another_browser_is_logged_out() {
    on_each_database(async |site: Site| {
        let (mut here, _) = member(&site, ADA).await;
        let mut there = site.browser();
        there.get("/login").await;
        there.submit("/login", &[("email", ADA), ("password", PASSWORD)]).await;
        site.clock.advance(Duration::from_secs(120));
        let page = here.get("/account").await;
        let session = page.body.split("data-session=\"").nth(1).and_then(|rest| rest.split('"').next());
        let session = session.expect("the other session").to_owned();

        let (mut eve, _) = member(&site, EVE).await;
        let csrf = site.csrf(&eve).await;
        eve.post("/account/end-session", &[("csrf", &csrf), ("session", &session)]).await;
        assert!(site.is_logged_in(&mut there).await, "Eve has no say");

        let csrf = site.csrf(&here).await;
        here.post("/account/end-session", &[("csrf", &csrf), ("session", &session)]).await;
        assert!(!site.is_logged_in(&mut there).await);
        assert!(site.is_logged_in(&mut here).await);
        assert!(!here.get("/account").await.body.contains(&session));
    })
    .await;
}
