//! Several stores behind one another, as on the day of a move.

use keyward_outbound::TlsConnector;

use crate::openbao::testing::root;
use crate::testing::{grounds, name, token};
use crate::{Environment, Expected, OpenBaoConfig, OpenBaoStoreConfig, StoreKind, Vault};

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

/// A store whose server is not there.
fn gone() -> StoreKind {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let server = OpenBaoConfig {
        address: format!("http://{free}").parse().expect("a URL"),
        namespace: None,
        auth: root(),
        tls: TlsConnector::system(),
    };
    StoreKind::OpenBao(OpenBaoStoreConfig { server, mount: "secret".into(), prefix: "keyward".into(), seal: false })
}

#[tokio::test]
async fn a_store_that_fails_ends_the_search() {
    for ground in grounds().await {
        let vault = ground.vault_on(vec![gone(), env()]).await;
        for of in ["coda/key", "coda/none"] {
            let error = vault.get(&name(of)).await.expect_err("what env has may be out of date");
            assert!(error.to_string().starts_with("OpenBao cannot be reached: "), "{error}");
            vault.put(&name(of), &token("x"), Expected::Anything).await.expect_err("nor is it passed by");
            vault.delete(&name(of)).await.expect_err("nor is half of it done");
        }
        vault.list().await.expect_err("a part is not the whole");
        let vault = ground.vault_on(vec![env(), gone()]).await;
        assert_eq!(value(&vault, "coda/key").await.as_deref(), Some("of env"), "a later one is not asked");
        vault.get(&name("coda/none")).await.expect_err("it may be there");
    }
}

#[tokio::test]
async fn earlier_versions_are_those_of_the_store_that_has_the_token() {
    for ground in grounds().await {
        let sql = ground.vault().await;
        for of in ["one", "two"] {
            let new = token(of).grace(std::time::Duration::from_secs(600));
            sql.put(&name("coda/key"), &new, Expected::Anything).await.expect("put");
        }
        let vault = ground.vault_on(vec![env(), StoreKind::Sql]).await;
        assert!(vault.earlier(&name("coda/key")).await.expect("earlier").is_none());
        let vault = ground.vault_on(vec![StoreKind::Sql, env()]).await;
        assert_eq!(vault.earlier(&name("coda/key")).await.expect("earlier").expect("one").version, 1);
    }
}

#[tokio::test]
async fn a_store_that_fails_keeps_no_ended_version_of_another_alive() {
    for ground in grounds().await {
        let vault = ground.vault_on(vec![StoreKind::Sql]).await;
        for of in ["one", "two"] {
            let new = token(of).grace(std::time::Duration::from_secs(1));
            vault.put(&name("coda/key"), &new, Expected::Anything).await.expect("put");
        }
        ground.clock.advance(std::time::Duration::from_secs(1));
        ground.vault_on(vec![gone(), StoreKind::Sql]).await.sweep().await.expect_err("one fails");
        assert_eq!(vault.sweep().await.expect("sweep"), 0, "the other was swept");
    }
}
