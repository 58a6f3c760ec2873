//! A store that takes questions and does not answer them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Request;
use http::header::AUTHORIZATION;
use keyward_core::random::Random;
use tokio::sync::Semaphore;

use crate::cache::{CacheTimes, REST};
use crate::store::sql::SqlStore;
use crate::store::{NewToken, OpenedToken, StoreFuture, TokenEntry, TokenStore, VersionEntry};
use crate::testing::{Ground, grounds, name, token};
use crate::{CredentialSpec, Expected, TokenName, Vault};

/// Answers one question for each permit.
struct Hanging {
    inner: SqlStore,
    asked: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
}

impl TokenStore for Hanging {
    fn name(&self) -> &'static str {
        "hanging"
    }

    fn get<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<OpenedToken>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.answers.acquire().await.expect("it is never closed").forget();
            self.inner.get(name).await
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

struct Scene {
    vault: Vault,
    asked: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
}

async fn scene(ground: &Ground) -> Scene {
    let (asked, answers) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (counter, permits) = (asked.clone(), answers.clone());
    let store = |sql: &SqlStore| -> Box<dyn TokenStore> {
        Box::new(Hanging { inner: sql.clone(), asked: counter, answers: permits })
    };
    let settings = (CacheTimes::default(), ground.audit.clone(), true);
    let vault =
        Vault::with_store(ground.db.clone(), ground.root().into(), ground.clock(), Random::system(), settings, store)
            .await;
    Scene { vault: vault.expect("vault"), asked, answers }
}

fn spec() -> CredentialSpec {
    CredentialSpec::new(name("coda/key"), AUTHORIZATION, "Bearer {token}").expect("spec")
}

async fn header(vault: &Vault) -> String {
    let mut request = Request::new(());
    vault.credential(&spec()).await.expect("credential").apply(&mut request);
    request.headers()[AUTHORIZATION].to_str().expect("text").to_owned()
}

#[tokio::test]
async fn one_call_waits_a_moment_and_the_others_not_at_all() {
    for ground in grounds().await {
        let Scene { vault, asked, answers } = scene(&ground).await;
        vault.put(&name("coda/key"), &token("s1"), Expected::Absent).await.expect("put");
        answers.add_permits(1);
        assert_eq!(header(&vault).await, "Bearer s1");
        ground.clock.advance(CacheTimes::default().fresh);
        assert!(vault.try_credential(&spec()).is_none(), "the store may answer");
        assert_eq!(header(&vault).await, "Bearer s1");
        for _ in 0..5 {
            assert!(vault.try_credential(&spec()).is_some(), "nobody else waits");
            ground.clock.advance(REST);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2, "one question is under way, and no other is asked");
        // Changed by others, so that nothing tells of it.
        ground.tamper("DELETE FROM tokens WHERE service_id = 'coda'").await;
        answers.add_permits(1);
        let gone = async {
            while vault.credential(&spec()).await.is_ok() {
                ground.clock.advance(REST);
                answers.add_permits(1);
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), gone).await.expect("an answer that comes late counts");
    }
}

#[tokio::test]
async fn it_ends_at_the_hard_limit_all_the_same() {
    for ground in grounds().await {
        let Scene { vault, answers, .. } = scene(&ground).await;
        vault.put(&name("coda/key"), &token("s1"), Expected::Absent).await.expect("put");
        answers.add_permits(1);
        header(&vault).await;
        ground.clock.advance(CacheTimes::default().fresh);
        header(&vault).await;
        ground.clock.advance(CacheTimes::default().usable);
        assert!(vault.try_credential(&spec()).is_none());
    }
}

#[tokio::test]
async fn what_it_says_late_of_a_refused_version_serves_the_next_call() {
    for ground in grounds().await {
        let Scene { vault, asked, answers } = scene(&ground).await;
        // On a database handle of its own, so that nothing tells the other of what it puts.
        let other = ground.vault_that_hears_nothing().await;
        other.put(&name("coda/key"), &token("s1"), Expected::Absent).await.expect("put");
        answers.add_permits(1);
        let cached = vault.credential(&spec()).await.expect("credential");
        other.put(&name("coda/key"), &token("s2"), Expected::Anything).await.expect("put");
        assert!(vault.after_refusal(&spec(), &cached).await.expect("no error").is_none(), "it has not answered yet");
        answers.add_permits(1);
        let found = async {
            loop {
                if let Some(found) = vault.after_refusal(&spec(), &cached).await.expect("no error") {
                    return found.version();
                }
                tokio::task::yield_now().await;
            }
        };
        let found = tokio::time::timeout(std::time::Duration::from_secs(20), found).await;
        assert_eq!(found.expect("an answer that comes late counts"), 2);
        assert_eq!(header(&vault).await, "Bearer s2");
        assert_eq!(asked.load(Ordering::SeqCst), 2, "it was asked once about the refused one");
    }
}
