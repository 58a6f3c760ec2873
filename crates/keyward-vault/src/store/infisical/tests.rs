//! The store against the stand-in, which keeps state as Infisical does, and against one that misbehaves.

use std::sync::Arc;
use std::time::Duration;

use infisical_stand_in::{Answer, CLIENT_ID, CLIENT_SECRET, ENVIRONMENT, PROJECT, Server};
use keyward_core::id::UserId;
use keyward_core::secret::Secret;
use keyward_outbound::TlsConnector;
use uuid::Uuid;

use super::InfisicalStore;
use crate::infisical::{InfisicalConfig, InfisicalError};
use crate::store::TokenStore;
use crate::store::sql::SqlStore;
use crate::store::suite::{Subject, passes};
use crate::testing::{Ground, client_secret, grounds, name, token};
use crate::{Expected, NewToken, StoreKind, Vault, VaultError};

const RAW: &str = "/api/v3/secrets/raw";

fn config(server: &Server) -> InfisicalConfig {
    InfisicalConfig {
        url: server.url().parse().expect("url"),
        project_id: PROJECT.to_owned(),
        environment: ENVIRONMENT.to_owned(),
        path: "/keyward".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: client_secret(CLIENT_SECRET),
        seal: true,
    }
}

async fn vault(ground: &Ground, config: InfisicalConfig) -> Vault {
    ground.vault_on(vec![StoreKind::Infisical(config)]).await
}

/// A cabinet on a fresh server and the first database: that has nothing to do with what is tested.
async fn fresh() -> (Ground, Server, Vault) {
    let server = Server::start().expect("server");
    let ground = grounds().await.remove(0);
    let vault = vault(&ground, config(&server)).await;
    (ground, server, vault)
}

async fn value(vault: &Vault, of: &str) -> Option<String> {
    let opened = vault.get(&name(of)).await.expect("get")?;
    Some(opened.value.expose_text().expect("text").to_owned())
}

fn told(error: VaultError) -> InfisicalError {
    match error {
        VaultError::Infisical(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_token_is_stored_read_listed_and_deleted() {
    let (_ground, server, vault) = fresh().await;
    let key = name("coda/api_token");
    assert!(vault.get(&key).await.expect("get").is_none());
    assert!(vault.list().await.expect("list").is_empty());
    assert_eq!(vault.put(&key, &token("one"), Expected::Absent).await.expect("put"), 1);
    assert_eq!(vault.put(&key, &token("two"), Expected::Version(1)).await.expect("put"), 2);
    assert_eq!(value(&vault, "coda/api_token").await.as_deref(), Some("two"));
    let stored = server.secrets(|secrets| secrets.value("/keyward/coda", "api_token")).expect("stored");
    assert!(stored.starts_with("keyward-sealed:1:") && !stored.contains("two"), "{stored}");
    let listed = vault.list().await.expect("list");
    let listed: Vec<_> = listed.iter().map(|entry| (entry.name.to_string(), entry.version, entry.store)).collect();
    assert_eq!(listed, [("coda/api_token".to_owned(), 2, "infisical")]);
    assert!(vault.delete(&key).await.expect("delete") && !vault.delete(&key).await.expect("delete"));
    assert!(vault.get(&key).await.expect("get").is_none());
}

#[tokio::test]
async fn expiry_labels_and_the_key_come_along_and_others_metadata_stays() {
    let (ground, server, vault) = fresh().await;
    let expires = ground.clock.now().plus(Duration::from_secs(3_600));
    let labels: std::collections::BTreeMap<_, _> = [("team".to_owned(), "data".to_owned())].into();
    let new = || token("v").expires_at(expires).labels(labels.clone());
    vault.put(&name("coda/key"), &new(), Expected::Anything).await.expect("put");
    server.vary();
    vault.put(&name("coda/key"), &new(), Expected::Anything).await.expect("put");
    let entry = vault.list().await.expect("list").remove(0);
    assert_eq!((entry.expires_at, &entry.labels), (Some(expires), &labels));
    assert!(entry.key_id.is_some_and(|id| id.starts_with("dk_")));
    let opened = vault.get(&name("coda/key")).await.expect("get").expect("there");
    assert_eq!((opened.expires_at, opened.version), (Some(expires), 2));
}

#[tokio::test]
async fn each_person_has_a_place_of_their_own() {
    let (_ground, server, vault) = fresh().await;
    let [ann, bob] = [1, 2].map(|id| name("coda/key").owned_by(UserId(Uuid::from_u128(id))));
    for (owner, value) in [(&ann, "of ann"), (&bob, "of bob"), (&name("coda/key"), "of all")] {
        vault.put(owner, &token(value), Expected::Absent).await.expect("put");
    }
    let folders = server.secrets(|secrets| secrets.folders());
    assert!(folders.contains(&"/keyward/_owners/00000000-0000-0000-0000-000000000001/coda".to_owned()), "{folders:?}");
    let opened = vault.get(&ann).await.expect("get").expect("there");
    assert_eq!(opened.value.expose_text(), Some("of ann"));
    assert_eq!(vault.list().await.expect("list").len(), 3);
    // What is sealed for one does not open for another.
    let of_bob = server.secrets(|secrets| {
        let folder = "/keyward/_owners/00000000-0000-0000-0000-000000000002/coda";
        let stored = secrets.value(folder, "key").expect("stored");
        secrets.write("/keyward/_owners/00000000-0000-0000-0000-000000000001/coda", "key", &stored);
        stored
    });
    assert!(of_bob.starts_with("keyward-sealed:1:"));
    let error = vault.get(&ann).await.expect_err("sealed for bob");
    assert!(error.to_string().starts_with("cannot open token coda/key: sealed with key dk_"), "{error}");
}

#[tokio::test]
async fn compare_and_set_tells_what_is_there() {
    let (_ground, server, vault) = fresh().await;
    let put = async |expected| vault.put(&name("coda/key"), &token("x"), expected).await;
    assert!(matches!(put(Expected::Version(1)).await, Err(VaultError::Conflict { found: None, .. })));
    put(Expected::Absent).await.expect("first");
    assert!(matches!(put(Expected::Absent).await, Err(VaultError::Conflict { found: Some(1), .. })));
    assert!(matches!(put(Expected::Version(7)).await, Err(VaultError::Conflict { found: Some(1), .. })));
    // Somebody outside makes the secret between the comparison and the write: Infisical itself refuses.
    server.next("POST", &format!("{RAW}/other"), |secrets| {
        secrets.write("/keyward/coda", "other", "theirs");
        None
    });
    let raced = vault.put(&name("coda/other"), &token("ours"), Expected::Absent).await;
    assert!(matches!(raced, Err(VaultError::Conflict { found: Some(1), .. })), "{raced:?}");
    assert_eq!(server.secrets(|secrets| secrets.value("/keyward/coda", "other")).as_deref(), Some("theirs"));
}

#[tokio::test]
async fn a_write_from_outside_between_comparison_and_ours_is_told() {
    let (_ground, server, vault) = fresh().await;
    vault.put(&name("coda/key"), &token("one"), Expected::Absent).await.expect("put");
    let meddle = || {
        server.next("PATCH", RAW, |secrets| {
            secrets.write("/keyward/coda", "key", "theirs");
            None
        });
    };
    meddle();
    let error = vault.put(&name("coda/key"), &token("two"), Expected::Version(1)).await.expect_err("raced");
    assert!(matches!(told(error), InfisicalError::Raced { ours: 3, .. }));
    assert_eq!(value(&vault, "coda/key").await.as_deref(), Some("two"), "it opens all the same");
    meddle();
    assert_eq!(vault.put(&name("coda/key"), &token("three"), Expected::Anything).await.expect("any"), 5);
}

#[tokio::test]
async fn of_two_processes_one_wins() {
    for ground in grounds().await {
        let server = Server::start().expect("server");
        let one = vault(&ground, config(&server)).await;
        let two = ground.vault_of_another_process_on(vec![StoreKind::Infisical(config(&server))]).await;
        let (key, one_token, two_token) = (name("coda/key"), token("one"), token("two"));
        let both =
            tokio::join!(one.put(&key, &one_token, Expected::Absent), two.put(&key, &two_token, Expected::Absent));
        let won = [&both.0, &both.1].map(|done| done.is_ok());
        assert_ne!(won[0], won[1], "{both:?}");
        let theirs = if won[0] { "one" } else { "two" };
        assert_eq!(value(&two, "coda/key").await.as_deref(), Some(theirs));
    }
}

#[tokio::test]
async fn the_version_before_serves_until_its_grace_ends() {
    let (ground, server, vault) = fresh().await;
    let key = name("coda/key");
    let grace = Duration::from_secs(600);
    let put = async |value: &str| vault.put(&key, &token(value).grace(grace), Expected::Anything).await.expect("put");
    let earlier = async || {
        let opened = vault.earlier(&key).await.expect("earlier")?;
        Some((opened.value.expose_text().expect("text").to_owned(), opened.version))
    };
    put("one").await;
    assert_eq!(earlier().await, None);
    put("two").await;
    assert_eq!(earlier().await, Some(("one".to_owned(), 1)));
    let versions = vault.versions(&key).await.expect("versions");
    let until = Some(ground.clock.now().plus(grace));
    assert_eq!(
        versions.iter().map(|entry| (entry.version, entry.current, entry.usable_until)).collect::<Vec<_>>(),
        [(2, true, None), (1, false, until)]
    );
    ground.clock.advance(grace);
    assert_eq!(earlier().await, None);
    assert_eq!(vault.versions(&key).await.expect("versions").len(), 1);
    assert_eq!(vault.sweep().await.expect("sweep"), 0, "Infisical keeps its history");
    // The versions of a secret that was deleted are not those of the one that has its name now.
    server.secrets(|secrets| secrets.delete("/keyward/coda", "key"));
    put("three").await;
    put("four").await;
    assert_eq!(earlier().await, None, "version 1 is of the deleted secret");
}

#[tokio::test]
async fn what_somebody_else_put_there_is_not_taken_for_a_sealed_value() {
    let (ground, server, vault) = fresh().await;
    server.secrets(|secrets| secrets.write("/keyward/coda", "key", "plain"));
    server.secrets(|secrets| secrets.write("/keyward/coda", "empty", ""));
    server.secrets(|secrets| secrets.write("/keyward/coda", "torn", "keyward-sealed:1:AAAA"));
    let error = vault.get(&name("coda/key")).await.expect_err("plain");
    assert!(error.to_string().contains("put it in with `keyward token set`, or set seal = false"), "{error}");
    assert!(matches!(told(vault.get(&name("coda/empty")).await.expect_err("empty")), InfisicalError::Empty(_)));
    let torn = vault.get(&name("coda/torn")).await.expect_err("torn");
    assert!(matches!(torn, VaultError::CannotOpen { .. }), "{torn}");
    // It can be written over, and names that are no token's are passed by.
    vault.put(&name("coda/key"), &token("ours"), Expected::Version(1)).await.expect("put");
    server.secrets(|secrets| secrets.write("/keyward", "NOT A TOKEN", "x"));
    server.secrets(|secrets| secrets.write("/elsewhere/coda", "key", "x"));
    assert_eq!(vault.list().await.expect("list").len(), 3);
    let plain = super::tests::vault(&ground, InfisicalConfig { seal: false, ..config(&server) }).await;
    server.secrets(|secrets| secrets.write("/keyward/coda", "plain", "typed in"));
    assert_eq!(value(&plain, "coda/plain").await.as_deref(), Some("typed in"));
    assert_eq!(value(&plain, "coda/key").await.as_deref(), Some("ours"), "sealed values open in both modes");
}

#[tokio::test]
async fn without_sealing_only_what_infisical_keeps_is_taken() {
    let (ground, server, _) = fresh().await;
    let vault = vault(&ground, InfisicalConfig { seal: false, ..config(&server) }).await;
    for bad in [&b" a"[..], b"a\n", b"\xff\xfe", b"keyward-sealed:1:x"] {
        let new = NewToken::new(Secret::new(bad.to_vec())).expect("value");
        let error = vault.put(&name("coda/key"), &new, Expected::Anything).await.expect_err("not kept");
        assert!(matches!(told(error), InfisicalError::NotKept));
    }
    vault.put(&name("coda/key"), &token("${other} $x"), Expected::Anything).await.expect("put");
    assert_eq!(value(&vault, "coda/key").await.as_deref(), Some("${other} $x"));
    let sealed = super::tests::vault(&ground, config(&server)).await;
    for value in [vec![0xff; 4_096], b" \n".to_vec(), vec![b'x'; 1 << 20]] {
        let new = NewToken::new(Secret::new(value.clone())).expect("value");
        sealed.put(&name("coda/any"), &new, Expected::Anything).await.expect("put");
        let opened = sealed.get(&name("coda/any")).await.expect("get").expect("there");
        assert!(opened.value.expose_secret() == value, "a sealed value is kept whole");
    }
}

#[tokio::test]
async fn a_value_that_came_back_changed_is_told() {
    let (_ground, server, vault) = fresh().await;
    server.next("GET", &format!("{RAW}/key"), |_| None);
    server.next("GET", &format!("{RAW}/key"), |secrets| {
        let folder = "/keyward/coda";
        secrets.delete(folder, "key");
        secrets.write(folder, "key", "changed");
        None
    });
    let error = vault.put(&name("coda/key"), &token("x"), Expected::Absent).await.expect_err("changed");
    assert!(matches!(told(error), InfisicalError::ReadBack(_)));
}

#[tokio::test]
async fn an_ended_access_token_is_replaced() {
    let (ground, server, vault) = fresh().await;
    vault.put(&name("coda/key"), &token("x"), Expected::Anything).await.expect("put");
    server.end_tokens();
    assert_eq!(value(&vault, "coda/key").await.as_deref(), Some("x"));
    server.forget();
    server.token_life(100);
    ground.clock.advance(Duration::from_secs(7_150));
    assert_eq!(value(&vault, "coda/key").await.as_deref(), Some("x"));
    let paths: Vec<_> = server.arrived().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/api/v1/auth/token/renew", "/api/v3/secrets/raw/key"]);
}

#[tokio::test]
async fn each_failure_is_told_apart() {
    let (ground, server, vault) = fresh().await;
    vault.put(&name("coda/key"), &token("x"), Expected::Anything).await.expect("put");
    let get = async || told(vault.get(&name("coda/key")).await.expect_err("fails"));
    let answers = |status, kind: &str, message: &str| {
        let answer = Answer::error(status, kind, message);
        server.next("GET", RAW, move |_| Some(answer));
    };
    answers(500, "InternalServerError", "Something went wrong");
    assert!(matches!(get().await, InfisicalError::Broken(500)));
    answers(403, "PermissionDenied", "You are not allowed to read on secrets");
    assert!(matches!(get().await, InfisicalError::Denied(reason) if reason.contains("not allowed to read")));
    server.next("GET", RAW, |_| Some(Answer { body: "<html>".into(), ..Answer::error(200, "", "") }));
    assert!(matches!(get().await, InfisicalError::Answer(_)));
    server.next("GET", RAW, |_| Some(Answer::error(429, "RateLimit", "slow down").header("Retry-After", "30")));
    assert!(matches!(get().await, InfisicalError::RateLimited { seconds: 30 }));
    server.forget();
    ground.clock.advance(Duration::from_secs(10));
    assert!(matches!(get().await, InfisicalError::RateLimited { seconds: 20 }));
    assert!(server.arrived().is_empty(), "nothing is sent in the pause");
    ground.clock.advance(Duration::from_secs(20));
    server.next("GET", RAW, |_| Some(Answer::error(429, "RateLimit", "slow down").header("Retry-After", "1")));
    assert_eq!(value(&vault, "coda/key").await.as_deref(), Some("x"), "a short pause is waited for");
    server.next("PATCH", RAW, |_| Some(Answer::ok(&serde_json::json!({ "approval": { "id": "1" } }))));
    let error = vault.put(&name("coda/key"), &token("y"), Expected::Anything).await.expect_err("waits");
    assert!(matches!(told(error), InfisicalError::NeedsApproval));
}

#[tokio::test]
async fn a_wrong_configuration_is_told() {
    let (ground, server, _) = fresh().await;
    let get = async |config| {
        let vault = vault(&ground, config).await;
        (told(vault.get(&name("coda/key")).await.expect_err("fails")), vault)
    };
    let elsewhere = InfisicalConfig { environment: "nowhere".into(), ..config(&server) };
    assert!(matches!(get(elsewhere).await.0, InfisicalError::NoEnvironment));
    let wrong = client_secret("wrong");
    let (error, vault) = get(InfisicalConfig { client_secret: wrong, ..config(&server) }).await;
    assert!(matches!(&error, InfisicalError::LoginRefused(reason) if reason == "Invalid credentials"));
    let again = told(vault.get(&name("coda/key")).await.expect_err("fails"));
    assert!(matches!(again, InfisicalError::LoginHeldBack { .. }));
    let gone = InfisicalConfig { url: "http://127.0.0.1:9".parse().expect("url"), ..config(&server) };
    assert!(matches!(get(gone).await.0, InfisicalError::Unreachable(_)));
}

#[tokio::test]
async fn one_that_does_not_answer_does_not_hold_anybody() {
    let (_ground, server, vault) = fresh().await;
    vault.put(&name("coda/key"), &token("x"), Expected::Anything).await.expect("put");
    server.next("GET", RAW, |_| Some(Answer::error(500, "", "").after(Duration::from_secs(60))));
    let error = vault.get(&name("coda/key")).await.expect_err("too slow");
    assert!(matches!(told(error), InfisicalError::Unreachable(_)));
}

#[tokio::test]
async fn the_list_of_tests_passes() {
    for ground in grounds().await {
        let server = Server::start().expect("server");
        let store = |sql: &SqlStore| -> Arc<dyn TokenStore> {
            Arc::new(InfisicalStore::new(config(&server), TlsConnector::system(), sql))
        };
        let elsewhere = ground.vault_of_another_process().await.sql_store();
        let handles = vec![store(&ground.sql().await), store(&elsewhere)];
        passes(&Subject { handles, destroys: false, clock: ground.clock.clone() }).await;
    }
}
