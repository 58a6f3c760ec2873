//! What cannot be recorded is not done.

use http::StatusCode;
use keyward_core::scope::ScopeSet;
use keyward_storage::{Database, params};

use crate::account::email::EmailAddress;
use crate::bearer::issue::BearerRequest;
use crate::client::NewClient;
use crate::oauth_testing::{CALLBACK, Site, authorize_query, sites, two_servers};
use crate::testing::{PASSWORD, on_each_database};

/// What acts change, counted.
async fn state(db: &Database) -> Vec<i64> {
    let mut counts = Vec::new();
    for sql in [
        "SELECT count(*), count(disabled_at) FROM users",
        "SELECT count(*), count(used_at) FROM invites",
        "SELECT count(*), count(ended_at) FROM user_sessions",
        "SELECT count(*), count(revoked_at) FROM clients",
        "SELECT count(*), count(ended_at) FROM grants",
        "SELECT count(*), count(*) FROM consents",
        "SELECT count(*), count(used_at) FROM authorization_codes",
        "SELECT count(*), count(used_at) FROM refresh_tokens",
        "SELECT count(*), count(revoked_at) FROM bearer_tokens",
        "SELECT count(*), count(retire_after) FROM signing_keys",
        "SELECT count(*), count(*) FROM passwords",
    ] {
        let row = db.query_opt(sql, params![]).await.expect("counted").expect("a row");
        counts.extend([row.get::<i64>(0).expect("a number"), row.get::<i64>(1).expect("a number")]);
    }
    counts
}

async fn take_the_log_away(db: &Database) {
    db.execute("ALTER TABLE audit_log RENAME TO audit_log_away", params![]).await.expect("taken away");
}

async fn bring_the_log_back(db: &Database) {
    db.execute("ALTER TABLE audit_log_away RENAME TO audit_log", params![]).await.expect("brought back");
}

fn bearer() -> BearerRequest {
    BearerRequest {
        name: "ci".to_owned(),
        servers: vec!["coda".parse().expect("id")],
        scopes: ScopeSet::empty(),
        email: None,
        lifetime: None,
    }
}

fn client() -> NewClient {
    NewClient { name: "Added".to_owned(), redirect_uris: vec![CALLBACK.to_owned()], confidential: true }
}

#[tokio::test]
async fn no_act_of_an_operator_stands_unrecorded() {
    for site in sites(two_servers()).await {
        let issuer = &site.issuer;
        let added = issuer.add_client(client()).await.expect("added");
        let issued = issuer.issue_bearer(bearer()).await.expect("issued");
        let ada = EmailAddress::parse("ada@example.com").expect("address");
        take_the_log_away(&issuer.db).await;
        let before = state(&issuer.db).await;
        assert!(issuer.invite_user(None, false, None).await.is_err());
        assert!(issuer.disable_user(&ada, None).await.is_err());
        assert!(issuer.add_client(client()).await.is_err());
        assert!(issuer.revoke_client(&added.client_id).await.is_err());
        assert!(issuer.issue_bearer(bearer()).await.is_err());
        assert!(issuer.revoke_bearer(issued.id).await.is_err());
        assert!(issuer.rotate_signing_key().await.is_err());
        assert_eq!(state(&issuer.db).await, before, "refused, and nothing has changed");
        bring_the_log_back(&issuer.db).await;
        assert!(issuer.revoke_bearer(issued.id).await.expect("revoked"));
        assert_eq!(issuer.revoke_client(&added.client_id).await.expect("revoked"), Some(0));
        assert!(issuer.disable_user(&ada, None).await.expect("closed").is_some());
    }
}

#[tokio::test]
async fn no_grant_changes_unrecorded() {
    for site in sites(two_servers()).await {
        let (client_id, tokens) = site.connected().await;
        let refresh_token = tokens.text("refresh_token");
        let other = site.public_client(&[CALLBACK, "https://client.example/other"]).await;
        let code = site.code(&other, &[]).await;
        let query = authorize_query(&other, &[("state", "again")]);
        take_the_log_away(&site.issuer.db).await;
        let before = state(&site.issuer.db).await;
        let given_back = [("client_id", client_id.as_str()), ("token", refresh_token.as_str())];
        for status in [
            site.refresh(&client_id, &refresh_token).await.status,
            site.exchange(&other, &code).await.status,
            site.post("/revoke", &given_back, None).await.status,
            site.register(&serde_json::json!({ "redirect_uris": ["https://third.example/cb"] })).await.status,
        ] {
            assert!(status.is_server_error(), "{status}");
        }
        assert_eq!(site.decide(&query, "allow").await.returned("code"), None);
        assert_eq!(state(&site.issuer.db).await, before, "refused, and nothing has changed");
        bring_the_log_back(&site.issuer.db).await;
        assert_eq!(site.exchange(&other, &code).await.status, StatusCode::OK);
        assert_eq!(site.refresh(&client_id, &refresh_token).await.status, StatusCode::OK);
        a_replay_ends_the_grant_only_with_its_record(&site, &client_id, &refresh_token).await;
    }
}

async fn a_replay_ends_the_grant_only_with_its_record(site: &Site, client_id: &str, used: &str) {
    site.advance(24 * 60 * 60);
    take_the_log_away(&site.issuer.db).await;
    let before = state(&site.issuer.db).await;
    assert!(site.refresh(client_id, used).await.status.is_server_error());
    assert_eq!(state(&site.issuer.db).await, before);
    bring_the_log_back(&site.issuer.db).await;
    assert_eq!(site.refresh(client_id, used).await.status, StatusCode::BAD_REQUEST);
    assert_ne!(state(&site.issuer.db).await, before, "the grant has ended");
}

#[tokio::test]
async fn nobody_logs_in_or_opens_an_account_unrecorded() {
    const ADA: &str = "ada@example.com";
    on_each_database(async |site: crate::testing::Site| {
        let db = site.issuer.db.clone();
        let mut ada = site.member(ADA).await;
        let link = site.invite(Some("bob@example.com")).await;
        let csrf = site.csrf(&ada).await;
        let mut bob = site.browser();
        bob.get(&link).await;
        take_the_log_away(&db).await;
        let before = state(&db).await;
        assert!(site.log_in(ADA, PASSWORD).await.status.is_server_error());
        let opened = bob.submit(&link, &[("password", PASSWORD), ("password_again", PASSWORD)]).await;
        assert!(opened.status.is_server_error());
        assert!(ada.post("/logout", &[("csrf", &csrf)]).await.status.is_server_error());
        assert_eq!(state(&db).await, before, "refused, and nothing has changed");
        assert!(site.is_logged_in(&mut ada).await);
        bring_the_log_back(&db).await;
        assert!(site.log_in(ADA, PASSWORD).await.status.is_redirection());
    })
    .await;
}
