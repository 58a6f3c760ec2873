//! Moving tokens between stores.

use std::collections::BTreeMap;
use std::time::Duration;

use infisical_stand_in::{Answer, CLIENT_ID, CLIENT_SECRET, ENVIRONMENT, PROJECT, Server};
use keyward_core::id::UserId;
use uuid::Uuid;

use crate::testing::{Ground, client_secret, grounds, name, token};
use crate::{Environment, Expected, InfisicalConfig, Move, StoreKind, Vault};

fn env() -> StoreKind {
    let environment = Environment::of([("KEYWARD_TOKEN__CODA__KEY", "one"), ("KEYWARD_TOKEN__GITHUB__PAT", "two")]);
    StoreKind::Env { environment, mapped: BTreeMap::new() }
}

fn infisical(server: &Server) -> StoreKind {
    StoreKind::Infisical(InfisicalConfig {
        url: server.url().parse().expect("url"),
        project_id: PROJECT.to_owned(),
        environment: ENVIRONMENT.to_owned(),
        path: "/".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: client_secret(CLIENT_SECRET),
        seal: true,
    })
}

fn plan(from: StoreKind, to: StoreKind) -> Move {
    Move { from, to, only: Vec::new(), dry_run: false, overwrite: false, delete_source: false }
}

/// Each token and how it went, in short.
async fn moved(vault: &Vault, plan: Move) -> Vec<String> {
    let mut heard = 0;
    let all = vault.move_tokens(&plan, |_| heard += 1).await.expect("a report");
    assert_eq!(heard, all.len());
    all.iter()
        .map(|moved| {
            let outcome = format!("{:?}", moved.outcome);
            format!("{} {}", moved.name, outcome.split([' ', '(']).next().unwrap_or_default())
        })
        .collect()
}

async fn value_in(ground: &Ground, store: StoreKind, of: &str) -> Option<String> {
    let opened = ground.vault_on(vec![store]).await.get(&name(of)).await.expect("get")?;
    opened.value.expose_text().map(str::to_owned)
}

#[tokio::test]
async fn nothing_is_moved_that_cannot_be_recorded() {
    for ground in grounds().await {
        let vault = ground.vault_on(vec![env()]).await;
        ground.audit.flush().await;
        ground.db.execute("ALTER TABLE audit_log RENAME TO audit_log_gone", &[]).await.expect("taken away");
        assert_eq!(moved(&vault, plan(env(), StoreKind::Sql)).await, ["coda/key Failed", "github/pat Failed"]);
        ground.db.execute("ALTER TABLE audit_log_gone RENAME TO audit_log", &[]).await.expect("back");
        assert_eq!(value_in(&ground, StoreKind::Sql, "coda/key").await, None);
    }
}

#[tokio::test]
async fn tokens_go_from_the_environment_into_the_database_and_once() {
    for ground in grounds().await {
        let vault = ground.vault_on(vec![env()]).await;
        let dry = Move { dry_run: true, ..plan(env(), StoreKind::Sql) };
        assert_eq!(moved(&vault, dry).await, ["coda/key WouldCopy", "github/pat WouldCopy"]);
        assert_eq!(value_in(&ground, StoreKind::Sql, "coda/key").await, None, "a dry run writes nothing");
        let one = Move { only: vec![name("coda/key"), name("coda/none")], ..plan(env(), StoreKind::Sql) };
        assert_eq!(moved(&vault, one).await, ["coda/key Copied", "coda/none Missing"]);
        assert_eq!(moved(&vault, plan(env(), StoreKind::Sql)).await, ["coda/key AlreadyThere", "github/pat Copied"]);
        assert_eq!(value_in(&ground, StoreKind::Sql, "github/pat").await.as_deref(), Some("two"));
        let error = vault.move_tokens(&Move { delete_source: true, ..plan(env(), StoreKind::Sql) }, |_| ()).await;
        assert!(error.expect_err("read-only").to_string().contains("unset the variables yourself"));
        let told = ground.audited().await;
        let told: Vec<_> = told.iter().filter(|record| record.action == "token.move").collect();
        let admitted = r#"{"from":"env","phase":"admitted","to":"sql"}"#;
        let (before, told): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|record| record.detail.as_deref() == Some(admitted));
        assert_eq!((before.len(), told.len()), (3, 3), "dry runs are none");
        let detail = told[0].detail.clone().expect("detail");
        assert_eq!(detail, r#"{"from":"env","source_deleted":false,"to":"sql","version":1}"#);
    }
}

#[tokio::test]
async fn another_value_at_the_destination_is_left_alone_unless_asked() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        vault.put(&name("coda/key"), &token("other"), Expected::Absent).await.expect("put");
        let keep = plan(env(), StoreKind::Sql);
        assert_eq!(moved(&vault, keep.clone()).await, ["coda/key Conflict", "github/pat Copied"]);
        assert_eq!(value_in(&ground, StoreKind::Sql, "coda/key").await.as_deref(), Some("other"));
        let overwrite = Move { overwrite: true, ..keep };
        assert_eq!(moved(&vault, overwrite).await, ["coda/key Copied", "github/pat AlreadyThere"]);
        assert_eq!(vault.get(&name("coda/key")).await.expect("get").expect("there").version, 2);
    }
}

#[tokio::test]
async fn owners_expiry_and_labels_come_along_and_the_source_goes_when_asked() {
    for ground in grounds().await {
        let server = Server::start().expect("server");
        let vault = ground.vault().await;
        let expires = ground.clock.now().plus(Duration::from_secs(86_400));
        let labels: BTreeMap<_, _> = [("team".to_owned(), "data".to_owned())].into();
        let owned = name("coda/key").owned_by(UserId(Uuid::from_u128(7)));
        let new = token("of one").expires_at(expires).labels(labels.clone());
        vault.put(&owned, &new, Expected::Absent).await.expect("put");
        vault.put(&name("coda/key"), &token("of all"), Expected::Absent).await.expect("put");
        let there = Move { delete_source: true, ..plan(StoreKind::Sql, infisical(&server)) };
        assert_eq!(moved(&vault, there).await, ["coda/key Copied", "coda/key Copied"]);
        assert!(vault.list().await.expect("list").is_empty(), "the source is deleted");
        let elsewhere = ground.vault_on(vec![infisical(&server)]).await;
        let entries = elsewhere.list().await.expect("list");
        let entry = entries.iter().find(|entry| entry.name == owned).expect("the owner's");
        assert_eq!((entry.expires_at, &entry.labels), (Some(expires), &labels));
        // And back again.
        assert_eq!(moved(&vault, plan(infisical(&server), StoreKind::Sql)).await.len(), 2);
        let back = vault.get(&owned).await.expect("get").expect("there");
        assert_eq!((back.value.expose_text(), back.expires_at), (Some("of one"), Some(expires)));
    }
}

#[tokio::test]
async fn what_fails_is_told_and_goes_on_at_the_next_run() {
    for ground in grounds().await {
        let server = Server::start().expect("server");
        let vault = ground.vault().await;
        for of in ["a/one", "b/two", "c/three"] {
            vault.put(&name(of), &token(of), Expected::Absent).await.expect("put");
        }
        let plan = Move { delete_source: true, ..plan(StoreKind::Sql, infisical(&server)) };
        // The answer to the first is lost after it was written; the second is refused; the third comes back changed.
        server.next("POST", "/api/v3/secrets/raw/one", |secrets| {
            secrets.write("/a", "one", "somebody's");
            Some(Answer::error(500, "InternalServerError", "Something went wrong"))
        });
        server.next("POST", "/api/v3/secrets/raw/two", |_| Some(Answer::error(403, "PermissionDenied", "no")));
        assert_eq!(moved(&vault, plan.clone()).await, ["a/one Failed", "b/two Failed", "c/three Copied"]);
        assert_eq!(vault.list().await.expect("list").len(), 2, "what failed is still at the source");
        // A plain value that somebody put there cannot be compared, so it is told of and stays.
        assert_eq!(moved(&vault, plan.clone()).await, ["a/one Failed", "b/two Copied"]);
        server.secrets(|secrets| secrets.delete("/a", "one"));
        assert_eq!(moved(&vault, plan).await, ["a/one Copied"]);
        assert!(vault.list().await.expect("list").is_empty());
    }
}

#[tokio::test]
async fn a_source_that_changed_meanwhile_is_not_deleted() {
    for ground in grounds().await {
        let server = Server::start().expect("server");
        let vault = ground.vault_on(vec![infisical(&server)]).await;
        vault.put(&name("coda/key"), &token("one"), Expected::Absent).await.expect("put");
        // The second reading of the source: the one before it is deleted.
        server.next("GET", "/api/v3/secrets/raw/key", |_| None);
        server.next("GET", "/api/v3/secrets/raw/key", |secrets| {
            secrets.write("/coda", "key", "newer");
            None
        });
        let plan = Move { delete_source: true, ..plan(infisical(&server), StoreKind::Sql) };
        assert_eq!(moved(&vault, plan).await, ["coda/key Failed"]);
        assert_eq!(server.secrets(|secrets| secrets.value("/coda", "key")).as_deref(), Some("newer"));
    }
}
