//! The store on a real server.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{Method, Request};
use serde_json::{Value as Json, json};

use super::*;
use crate::openbao::testing::{Server, root};
use crate::store::suite::{self, Subject};
use crate::testing::{Ground, grounds, name, token};
use crate::{CacheTimes, CredentialSpec, StoreKind, Vault};

fn config(server: &Server, seal: bool) -> OpenBaoStoreConfig {
    OpenBaoStoreConfig { server: server.config(root()), mount: "secret".to_owned(), prefix: "keyward".to_owned(), seal }
}

/// A server, a database that has nothing to do with what is tested, and the cabinet on both.
async fn fresh(seal: bool) -> (Server, Ground, Vault) {
    let server = Server::start().await;
    let ground = grounds().await.remove(0);
    let vault = ground.vault_on(vec![StoreKind::OpenBao(config(&server, seal))]).await;
    (server, ground, vault)
}

async fn text(vault: &Vault, of: &str) -> Option<String> {
    let opened = vault.get(&name(of)).await.expect("get")?;
    Some(opened.value.expose_text().expect("text").to_owned())
}

async fn stored(server: &Server, path: &str) -> Json {
    let (status, answer) = server.ask(Method::GET, &format!("secret/data/keyward/{path}"), Json::Null).await;
    assert_eq!(status, 200, "{answer}");
    answer["data"]["data"].clone()
}

async fn passes_the_suite(seal: bool) {
    let server = Server::start().await;
    let ground = grounds().await.remove(0);
    let sql = ground.sql().await;
    let handles = [(); 2].map(|()| -> Arc<dyn TokenStore> { Arc::new(OpenBaoStore::new(config(&server, seal), &sql)) });
    suite::passes(&Subject { handles: handles.into(), destroys: true, clock: ground.clock.clone() }).await;
}

#[tokio::test]
async fn passes_the_suite_with_plain_values() {
    passes_the_suite(false).await;
}

#[tokio::test]
async fn passes_the_suite_with_sealed_values() {
    passes_the_suite(true).await;
}

#[tokio::test]
async fn operators_read_and_write_it_with_their_own_tools() {
    let (server, _ground, vault) = fresh(false).await;
    vault.put(&name("coda/key"), &token("from Keyward"), Expected::Absent).await.expect("put");
    assert_eq!(stored(&server, "coda/key").await, json!({ "value": "from Keyward" }));
    server.done("secret/data/keyward/coda/key", json!({ "data": { "value": "by hand" } })).await;
    assert_eq!(text(&vault, "coda/key").await.as_deref(), Some("by hand"));
    server.done("secret/data/keyward/coda/bad", json!({ "data": { "password": "x" } })).await;
    let error = vault.get(&name("coda/bad")).await.expect_err("no value").to_string();
    assert_eq!(error, "token coda/bad is in OpenBao and cannot be used: it has no `value`");
    // What is not Keyward's in its folder is left alone.
    server.done("secret/data/keyward/Not-Ours/deeper/x", json!({ "data": {} })).await;
    server.done("secret/data/keyward/keyward/signing", json!({ "data": {} })).await;
    let listed = vault.list().await.expect("list");
    assert_eq!(listed.iter().map(|entry| entry.name.to_string()).collect::<Vec<_>>(), ["coda/bad", "coda/key"]);
}

#[tokio::test]
async fn what_was_deleted_in_openbaos_own_way_is_absent_and_its_count_goes_on() {
    let (server, _ground, vault) = fresh(false).await;
    let coda = name("coda/key");
    vault.put(&coda, &token("one"), Expected::Absent).await.expect("put");
    server.ask(Method::DELETE, "secret/data/keyward/coda/key", Json::Null).await;
    assert!(vault.get(&coda).await.expect("get").is_none());
    assert!(vault.list().await.expect("list").is_empty());
    let error = vault.put(&coda, &token("two"), Expected::Version(1)).await.expect_err("it is not there");
    assert!(matches!(error, VaultError::Conflict { found: None, .. }), "{error}");
    assert_eq!(vault.put(&coda, &token("two"), Expected::Absent).await.expect("put"), 2);
    assert_eq!(text(&vault, "coda/key").await.as_deref(), Some("two"));
}

#[tokio::test]
async fn a_sealed_value_opens_in_its_own_place_only() {
    let (server, _ground, vault) = fresh(true).await;
    vault.put(&name("coda/key"), &token("hidden value"), Expected::Absent).await.expect("put");
    let sealed = stored(&server, "coda/key").await;
    assert!(sealed["sealed"].is_string() && !sealed.to_string().contains("hidden"), "{sealed}");
    assert!(vault.list().await.expect("list")[0].key_id.as_deref().is_some_and(|id| id.starts_with("dk_")));
    for place in ["coda/key", "coda/other", "other/key"] {
        server.done(&format!("secret/data/keyward/{place}"), json!({ "data": sealed })).await;
    }
    for (place, why) in
        [("coda/key", "another version"), ("coda/other", "another key"), ("other/key", "another service")]
    {
        let error = vault.get(&name(place)).await.expect_err(why).to_string();
        assert!(error.starts_with(&format!("cannot open token {place}: sealed with key dk_")), "{why}: {error}");
    }
    server.done("secret/data/keyward/coda/key", json!({ "data": { "value": "slipped in" } })).await;
    let error = vault.get(&name("coda/key")).await.expect_err("not sealed").to_string();
    assert!(error.starts_with("token coda/key is in OpenBao as a plain value"), "{error}");
}

#[tokio::test]
async fn the_documented_policy_is_enough_and_nothing_outside_it_is_needed() {
    let server = Server::start().await;
    let policy = include_str!("../../../../../docs/openbao-policy.hcl");
    let auth = server.app_role(policy, json!({ "token_no_default_policy": true })).await;
    let ground = grounds().await.remove(0);
    let config = OpenBaoStoreConfig { server: server.config(auth), ..config(&server, false) };
    let vault = ground.vault_on(vec![StoreKind::OpenBao(config.clone())]).await;
    for value in ["one", "two", "three"] {
        vault.put(&name("coda/key"), &token(value), Expected::Anything).await.expect("put");
    }
    let (_, metadata) = server.ask(Method::GET, "secret/metadata/keyward/coda/key", Json::Null).await;
    assert_eq!(metadata["data"]["versions"]["2"]["destroyed"], true, "{metadata}");
    assert_eq!(vault.list().await.expect("list").len(), 1);
    assert!(vault.delete(&name("coda/key")).await.expect("delete"));
    let outside = OpenBaoStoreConfig { prefix: "elsewhere".to_owned(), ..config };
    let vault = ground.vault_on(vec![StoreKind::OpenBao(outside)]).await;
    let error = vault.get(&name("coda/key")).await.expect_err("denied").to_string();
    assert!(error.starts_with("OpenBao denies read on secret/data/elsewhere/coda/key"), "{error}");
}

#[tokio::test]
async fn other_processes_hear_of_a_change_and_see_those_of_others_in_time() {
    let (server, ground, here) = fresh(false).await;
    let there = ground.vault_of_another_process_on(vec![StoreKind::OpenBao(config(&server, false))]).await;
    let spec = CredentialSpec::new(name("coda/key"), AUTHORIZATION, "{token}").expect("spec");
    let header = async || {
        let mut request = Request::new(());
        there.credential(&spec).await.expect("credential").apply(&mut request);
        request.headers()[AUTHORIZATION].to_str().expect("text").to_owned()
    };
    here.put(&name("coda/key"), &token("one"), Expected::Absent).await.expect("put");
    assert_eq!(header().await, "one");
    here.put(&name("coda/key"), &token("two"), Expected::Version(1)).await.expect("put");
    server.until("it is told of the change", async || header().await == "two").await;
    server.done("secret/data/keyward/coda/key", json!({ "data": { "value": "three" } })).await;
    assert_eq!(header().await, "two", "the store is not asked for every call");
    ground.clock.advance(CacheTimes::default().fresh);
    assert_eq!(header().await, "three");
}
