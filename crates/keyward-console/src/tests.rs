//! The account page over HTTP, on both databases.

use std::time::Duration;

use http::StatusCode;
use keyward_core::id::{GrantId, UserId};
use keyward_issuer::testing::{Browser, PASSWORD, Site, on_each_database};
use keyward_outbound::TlsConnector;
use keyward_storage::grants::{self, Grant};
use keyward_storage::upstream_grants;
use keyward_vault::upstream::config::{ConfiguredClient, ConnectionConfig, ConnectionsConfig, ProviderConfig};
use keyward_vault::upstream::{Connections, LOGIN};

const ADA: &str = "ada@example.com";
const EVE: &str = "eve@example.com";

/// A connection to a provider that nobody listens for, and one that is used by no server.
fn connections(site: &Site) -> Connections {
    let issuer = &site.issuer;
    let connection = |id: &str, name: &str, port: u16| ConnectionConfig {
        id: id.parse().expect("an id"),
        name: name.to_owned(),
        used_by: vec!["The <Server>".to_owned()],
        provider: ProviderConfig::Endpoints {
            issuer: Some("https://provider.example".to_owned()),
            authorization_endpoint: "https://provider.example/authorize?x=1".parse().expect("a URL"),
            token_endpoint: format!("http://127.0.0.1:{port}/token").parse().expect("a URL"),
            revocation_endpoint: None,
        },
        client: Some(ConfiguredClient { client_id: "keyward".to_owned(), secret: None, auth_method: None }),
        scopes: "repo".parse().expect("scopes"),
        parameters: Vec::new(),
        allow_private_addresses: true,
    };
    let config = ConnectionsConfig {
        public_url: issuer.config.public_url.clone(),
        connections: vec![connection("hub", "The <Hub>", 9), connection(LOGIN, "Where people log in", 9)],
    };
    let (db, vault, audit) = (issuer.db.clone(), issuer.vault.clone(), issuer.audit.clone());
    Connections::open(config, db, vault, audit, issuer.clock.clone(), issuer.random.clone(), &TlsConnector::system())
}

/// A browser whose person has an account, at the issuer's pages and the console's.
async fn member(site: &Site, email: &str) -> (Browser, UserId) {
    let mut browser = site.member(email).await;
    browser.router = browser.router.merge(crate::routes(&site.issuer, &connections(site)));
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
        let mut stranger = site.browser_of(crate::routes(&site.issuer, &connections(&site)));
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

#[tokio::test]
async fn connecting_begins_by_a_form_of_ours_and_ends_in_the_same_session() {
    on_each_database(async |site: Site| {
        let mut stranger = site.browser_of(crate::routes(&site.issuer, &connections(&site)));
        assert_eq!(stranger.get("/connect/hub").await.header("location"), "/login?next=%2Fconnect%2Fhub");
        let back = stranger.get("/connect/hub/callback?code=c&state=s").await;
        assert_eq!(back.status, StatusCode::FORBIDDEN, "nobody is logged in");
        let (mut ada, _) = member(&site, ADA).await;
        let (mut eve, _) = member(&site, EVE).await;
        assert_eq!(ada.get("/connect/nothing").await.status, StatusCode::NOT_FOUND);
        let page = ada.get("/connect/hub").await;
        for text in ["The &lt;Hub&gt;", "The &lt;Server&gt;", "provider.example", "data-scope=\"repo\"", ADA] {
            assert!(page.body.contains(text), "{text} in {}", page.body);
        }
        assert!(ada.get("/account").await.body.contains("href=\"/connect/hub\""));

        let csrf = site.csrf(&ada).await;
        let refused = ada.post("/connect/hub", &[("csrf", &site.csrf(&eve).await)]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "a form of Eve's");
        let gone = ada.post("/connect/hub", &[("csrf", &csrf)]).await;
        assert_eq!(gone.status, StatusCode::SEE_OTHER);
        let location = gone.header("location");
        assert!(location.starts_with("https://provider.example/authorize?x=1&response_type=code&client_id=keyward"));
        let state =
            location.split("state=").nth(1).and_then(|rest| rest.split('&').next()).expect("a state").to_owned();

        // Eve's browser is led to the answer of Ada's question.
        let path = format!("/connect/hub/callback?code=c&state={state}&iss=https%3A%2F%2Fprovider.example");
        let stolen = eve.get(&path).await;
        assert_eq!(stolen.status, StatusCode::FORBIDDEN);
        assert!(stolen.body.contains("another login"), "{}", stolen.body);
        let again = ada.get(&path).await;
        assert_eq!(again.status, StatusCode::BAD_REQUEST, "and it is used up");
        let users = site.issuer.list_users().await.expect("users");
        for user in users {
            assert!(upstream_grants::of_user(&site.issuer.db, user.id).await.expect("grants").is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn a_providers_words_come_escaped_and_say_what_to_do() {
    on_each_database(async |site: Site| {
        let (mut ada, _) = member(&site, ADA).await;
        let csrf = site.csrf(&ada).await;
        for (answer, status, text) in [
            ("error=access_denied", StatusCode::OK, "Access was not allowed"),
            (
                "error=server_error&error_description=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
                StatusCode::BAD_GATEWAY,
                "&lt;script&gt;",
            ),
            ("code=c&iss=https%3A%2F%2Fevil.example", StatusCode::BAD_GATEWAY, "somebody else"),
            ("", StatusCode::BAD_GATEWAY, "incomplete"),
            ("code=c", StatusCode::BAD_GATEWAY, "gave no token"),
        ] {
            let gone = ada.post("/connect/hub", &[("csrf", &csrf)]).await;
            let location = gone.header("location");
            let state = location.split("state=").nth(1).and_then(|rest| rest.split('&').next()).expect("a state");
            let page = ada.get(&format!("/connect/hub/callback?state={state}&{answer}")).await;
            assert_eq!(page.status, status, "{answer}");
            assert!(page.body.contains(text) && page.body.contains("Try again"), "{answer}: {}", page.body);
            assert!(!page.body.contains("<script"), "{}", page.body);
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_login_hangs_on_is_no_connection_to_replace_or_end() {
    on_each_database(async |site: Site| {
        let (mut ada, _) = member(&site, ADA).await;
        let csrf = site.csrf(&ada).await;
        assert_eq!(ada.get("/connect/login").await.status, StatusCode::NOT_FOUND);
        assert_eq!(ada.get("/connect/login/callback?code=c&state=s").await.status, StatusCode::NOT_FOUND);
        for path in ["/connect/login", "/connect/login/end"] {
            assert_eq!(ada.post(path, &[("csrf", &csrf)]).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        assert!(!ada.get("/account").await.body.contains("Where people log in"));
    })
    .await;
}
