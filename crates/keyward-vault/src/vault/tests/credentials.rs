//! Credentials for calls: cached for a short while, stale after a change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use keyward_core::random::Random;
use keyward_storage::StorageError;

use crate::cache::CacheTimes;
use crate::store::{NewToken, OpenedToken, StoreFuture, TokenEntry, TokenStore, VersionEntry};
use crate::testing::{Ground, grounds, name, token};
use crate::{CredentialError, CredentialSpec, Expected, TokenName, Vault, VaultError};

const FRESH: Duration = Duration::from_secs(60);
const HARD_LIMIT: Duration = Duration::from_secs(600);

fn spec() -> CredentialSpec {
    CredentialSpec::new(name("coda/key"), AUTHORIZATION, "Bearer {token}").expect("spec")
}

async fn header(vault: &Vault) -> String {
    let mut headers = HeaderMap::new();
    vault.credential(&spec()).await.expect("credential").apply(&mut headers);
    headers[AUTHORIZATION].to_str().expect("text").to_owned()
}

#[tokio::test]
async fn absent_and_unusable_tokens_are_told_apart() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        let error = vault.credential(&spec()).await.expect_err("absent");
        assert_eq!(error.to_string(), "token coda/key is not set");
        vault.put(&name("coda/key"), &token("two\nlines"), Expected::Absent).await.expect("put");
        let error = vault.credential(&spec()).await.expect_err("no header");
        assert!(matches!(error, CredentialError::NotForHeaders(_)), "{error}");
        ground.tamper("UPDATE tokens SET iv = auth_tag").await;
        let error = vault.credential(&spec()).await.expect_err("tampered");
        assert!(matches!(error, CredentialError::Corrupt(_)), "{error}");
        assert!(error.to_string().starts_with("cannot open token coda/key: sealed with key dk_"), "{error}");
    }
}

#[tokio::test]
async fn a_warm_credential_needs_no_store_until_it_is_stale() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        vault.put(&name("coda/key"), &token("s1"), Expected::Absent).await.expect("put");
        assert!(vault.try_credential(&spec()).is_none());
        assert_eq!(header(&vault).await, "Bearer s1");
        assert!(vault.try_credential(&spec()).is_some());
        // No change is told of when rows are edited by hand: the time bound is what ends it.
        ground.tamper("DELETE FROM tokens").await;
        assert_eq!(header(&vault).await, "Bearer s1");
        ground.clock.advance(FRESH);
        assert!(matches!(vault.credential(&spec()).await, Err(CredentialError::Missing(_))));
    }
}

#[tokio::test]
async fn a_change_shows_at_once_here_and_soon_in_other_processes() {
    for ground in grounds().await {
        let (here, there) = (ground.vault().await, ground.vault_of_another_process().await);
        here.put(&name("coda/key"), &token("s1"), Expected::Absent).await.expect("put");
        assert_eq!((header(&here).await, header(&there).await), ("Bearer s1".to_owned(), "Bearer s1".to_owned()));
        here.put(&name("coda/key"), &token("s2"), Expected::Version(1)).await.expect("put");
        assert_eq!(header(&here).await, "Bearer s2");
        let seen = async {
            while header(&there).await != "Bearer s2" {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(FRESH, seen).await.expect("the change is told of");
    }
}

/// A store that may be out of reach, and counts how often it is asked.
struct Shaky {
    inner: Box<dyn TokenStore>,
    asked: Arc<AtomicUsize>,
    down_after: usize,
}

impl TokenStore for Shaky {
    fn name(&self) -> &'static str {
        "shaky"
    }

    fn get<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<OpenedToken>> {
        Box::pin(async move {
            if self.asked.fetch_add(1, Ordering::SeqCst) < self.down_after {
                tokio::task::yield_now().await;
                return self.inner.get(name).await;
            }
            Err(VaultError::Storage(StorageError::Unavailable("down".into())))
        })
    }

    fn put<'a>(&'a self, name: &'a TokenName, token: &'a NewToken, expected: Expected) -> StoreFuture<'a, i64> {
        self.inner.put(name, token, expected)
    }

    fn list(&self) -> StoreFuture<'_, Vec<TokenEntry>> {
        self.inner.list()
    }

    fn delete<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, bool> {
        self.inner.delete(name)
    }

    fn versions<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Vec<VersionEntry>> {
        self.inner.versions(name)
    }
}

async fn shaky(ground: &Ground, down_after: usize) -> (Vault, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let store = |sql: &crate::store::sql::SqlStore| -> Box<dyn TokenStore> {
        Box::new(Shaky { inner: Box::new(sql.clone()), asked: counter, down_after })
    };
    let settings = (CacheTimes::default(), ground.audit.clone(), true);
    let vault =
        Vault::with_store(ground.db.clone(), ground.root(), ground.clock(), Random::system(), settings, store).await;
    (vault.expect("vault"), asked)
}

#[tokio::test]
async fn a_store_out_of_reach_is_bridged_until_the_hard_limit() {
    for ground in grounds().await {
        let (vault, asked) = shaky(&ground, 1).await;
        vault.put(&name("coda/key"), &token("s1"), Expected::Absent).await.expect("put");
        assert_eq!(header(&vault).await, "Bearer s1");
        ground.clock.advance(HARD_LIMIT - Duration::from_secs(1));
        assert_eq!(header(&vault).await, "Bearer s1");
        assert_eq!(asked.load(Ordering::SeqCst), 2, "the store was asked again and failed");
        ground.clock.advance(Duration::from_secs(1));
        let error = vault.credential(&spec()).await.expect_err("too old");
        assert!(matches!(error, CredentialError::Unavailable { .. }), "{error}");
    }
}

#[tokio::test]
async fn many_calls_at_once_open_the_token_once() {
    for ground in grounds().await {
        let (vault, asked) = shaky(&ground, 100).await;
        vault.put(&name("coda/key"), &token("s1"), Expected::Absent).await.expect("put");
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let vault = vault.clone();
            calls.spawn(async move { header(&vault).await });
        }
        assert!(calls.join_all().await.iter().all(|header| header == "Bearer s1"));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
