//! Several stores behind one another, as on the day of a move.

use crate::testing::{grounds, name, token};
use crate::{Environment, Expected, StoreKind, Vault};

fn env() -> StoreKind {
    let environment = Environment::of([("KEYWARD_TOKEN__CODA__KEY", "of env"), ("KEYWARD_TOKEN__CODA__OLD", "of env")]);
    StoreKind::Env { environment, mapped: Default::default() }
}

async fn value(vault: &Vault, of: &str) -> Option<String> {
    let opened = vault.get(&name(of)).await.expect("get")?;
    opened.value.expose_text().map(str::to_owned)
}

#[tokio::test]
async fn the_first_store_that_has_a_token_answers() {
    for ground in grounds().await {
        ground.vault().await.put(&name("coda/key"), &token("of sql"), Expected::Absent).await.expect("put");
        ground.vault().await.put(&name("coda/new"), &token("of sql"), Expected::Absent).await.expect("put");
        for (stores, of_key) in [(vec![StoreKind::Sql, env()], "sql"), (vec![env(), StoreKind::Sql], "env")] {
            let vault = ground.vault_on(stores).await;
            assert_eq!(value(&vault, "coda/key").await, Some(format!("of {of_key}")));
            assert_eq!(value(&vault, "coda/new").await.as_deref(), Some("of sql"));
            assert_eq!(value(&vault, "coda/old").await.as_deref(), Some("of env"));
            assert_eq!(value(&vault, "coda/none").await, None);
            let listed = vault.list().await.expect("list");
            let listed: Vec<_> = listed.iter().map(|entry| format!("{} {}", entry.name, entry.store)).collect();
            assert_eq!(listed, [format!("coda/key {of_key}"), "coda/new sql".to_owned(), "coda/old env".to_owned()]);
        }
    }
}

#[tokio::test]
async fn what_would_never_be_read_is_not_written() {
    for ground in grounds().await {
        let vault = ground.vault_on(vec![env(), StoreKind::Sql]).await;
        let error = vault.put(&name("coda/key"), &token("x"), Expected::Anything).await.expect_err("behind env");
        assert!(error.to_string().starts_with("the env store is read-only: "), "{error}");
        assert!(ground.vault().await.get(&name("coda/key")).await.expect("get").is_none());
        assert_eq!(vault.put(&name("coda/new"), &token("x"), Expected::Absent).await.expect("put"), 1);
    }
}

#[tokio::test]
async fn deleting_leaves_no_older_value_unsaid() {
    for ground in grounds().await {
        let vault = ground.vault_on(vec![StoreKind::Sql, env()]).await;
        vault.put(&name("coda/key"), &token("x"), Expected::Anything).await.expect("put");
        let error = vault.delete(&name("coda/key")).await.expect_err("env still has it");
        assert!(error.to_string().contains("unset the environment variable KEYWARD_TOKEN__CODA__KEY"), "{error}");
        vault.put(&name("coda/new"), &token("x"), Expected::Anything).await.expect("put");
        assert!(vault.delete(&name("coda/new")).await.expect("deleted"));
        assert!(!vault.delete(&name("coda/new")).await.expect("gone"));
    }
}

#[tokio::test]
async fn no_store_at_all_is_said() {
    for ground in grounds().await {
        let vault = ground.vault_on(Vec::new()).await;
        let error = vault.put(&name("coda/key"), &token("x"), Expected::Anything).await.expect_err("nowhere");
        assert_eq!(error.to_string(), "no token store is configured");
        assert_eq!(value(&vault, "coda/key").await, None);
    }
}
