//! Credentials for calls: cached for a short while, stale after a change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::AUTHORIZATION;
use keyward_core::id::UserId;
use keyward_core::random::Random;
use keyward_storage::users::{self, User};
use keyward_storage::{StorageError, Topic};

use crate::cache::{CacheTimes, REST};
use crate::store::{NewToken, OpenedToken, StoreFuture, TokenEntry, TokenStore, VersionEntry};
use crate::testing::{Ground, grounds, name, news_is_heard, token};
use crate::{Credential, CredentialError, CredentialSpec, Expected, TokenName, Vault, VaultError};

const FRESH: Duration = Duration::from_secs(60);
const HARD_LIMIT: Duration = Duration::from_secs(600);

fn spec() -> CredentialSpec {
    CredentialSpec::new(name("coda/key"), AUTHORIZATION, "Bearer {token}").expect("spec")
}

async fn header(vault: &Vault) -> String {
    header_of(&vault.credential(&spec()).await.expect("credential"))
}

fn header_of(credential: &Credential) -> String {
    let mut request = http::Request::new(());
    credential.apply(&mut request).expect("applied");
    request.headers()[AUTHORIZATION].to_str().expect("text").to_owned()
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
        ground.vault().await.put(&name("coda/key"), &token("s1"), Expected::Absent).await.expect("put");
        // The time bound alone is to end what it has.
        let vault = ground.vault_that_hears_nothing().await;
        assert!(vault.try_credential(&spec()).is_none());
        assert_eq!(header(&vault).await, "Bearer s1");
        assert!(vault.try_credential(&spec()).is_some());
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

async fn account(ground: &Ground, number: u128) -> UserId {
    let (id, email) = (UserId(uuid::Uuid::from_u128(number)), format!("{number}@example.com"));
    let created_at = ground.clock.now();
    let user = User { id, email, name: None, is_admin: false, created_at, disabled_at: None };
    let mut transaction = ground.db.begin("add an account").await.expect("transaction");
    assert!(users::insert(&mut transaction, &user).await.expect("inserted"));
    transaction.commit().await.expect("committed");
    id
}

#[tokio::test]
async fn a_persons_token_serves_that_person_alone() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        let (ann, bob) = (account(&ground, 1).await, account(&ground, 2).await);
        vault.put(&name("coda/key"), &token("shared"), Expected::Absent).await.expect("put");
        vault.put(&name("coda/key").owned_by(ann), &token("ann's"), Expected::Absent).await.expect("put");
        let of = async |person| vault.credential(&spec().owned_by(person)).await.map(|it| header_of(&it));
        assert_eq!(of(ann).await.expect("hers"), "Bearer ann's");
        assert!(matches!(of(bob).await, Err(CredentialError::Missing(_))));
        assert_eq!(header(&vault).await, "Bearer shared");
        // What was not there a moment ago is looked for again as soon as something is put.
        vault.put(&name("coda/key").owned_by(bob), &token("bob's"), Expected::Absent).await.expect("put");
        assert_eq!(of(bob).await.expect("his"), "Bearer bob's");
        assert_eq!(of(ann).await.expect("hers"), "Bearer ann's");
    }
}

#[tokio::test]
async fn tokens_of_a_closed_account_serve_nobody() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        let ann = account(&ground, 1).await;
        let stranger = UserId(uuid::Uuid::from_u128(9));
        for person in [ann, stranger] {
            vault.put(&name("coda/key").owned_by(person), &token("s1"), Expected::Absent).await.expect("put");
        }
        vault.credential(&spec().owned_by(ann)).await.expect("hers");
        let refused = vault.credential(&spec().owned_by(stranger)).await;
        assert!(matches!(refused, Err(CredentialError::Missing(_))), "there is no such account");
        let mut transaction = ground.db.begin("close an account").await.expect("transaction");
        assert!(users::disable(&mut transaction, ann, ground.clock.now()).await.expect("disabled"));
        transaction.notify(Topic::Users).await.expect("told");
        transaction.commit().await.expect("committed");
        let stopped = async {
            while vault.credential(&spec().owned_by(ann)).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(FRESH, stopped).await.expect("the change is told of");
    }
}

#[tokio::test]
async fn a_credential_knows_of_the_version_before_it() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        let put = async |value: &str, grace| {
            vault.put(&name("coda/key"), &token(value).grace(grace), Expected::Anything).await.expect("put");
            vault.credential(&spec()).await.expect("credential").earlier_until()
        };
        let grace = Duration::from_secs(60);
        assert_eq!(put("s1", grace).await, None);
        assert!(vault.earlier_credential(&spec()).await.expect("none").is_none());
        assert_eq!(put("s2", grace).await, Some(ground.clock.now().plus(grace)));
        let earlier = vault.earlier_credential(&spec()).await.expect("opened").expect("kept");
        assert_eq!((header_of(&earlier), earlier.version()), ("Bearer s1".to_owned(), 1));
        assert_eq!(put("s3", Duration::ZERO).await, None);
    }
}

#[tokio::test]
async fn what_upstream_refused_is_asked_about_in_the_store() {
    for ground in grounds().await {
        let other = ground.vault().await;
        let put = async |value: &str, grace| {
            other.put(&name("coda/key"), &token(value).grace(grace), Expected::Anything).await.expect("put")
        };
        put("s1", Duration::ZERO).await;
        let vault = ground.vault_that_hears_nothing().await;
        let cached = vault.credential(&spec()).await.expect("credential");
        put("s2", Duration::ZERO).await;
        assert_eq!(header(&vault).await, "Bearer s1", "it has not heard of the other");
        let after = async |refused: &Credential| {
            let another = vault.after_refusal(&spec(), refused).await.expect("asked");
            another.map(|another| (header_of(&another), another.version()))
        };
        assert_eq!(after(&cached).await, Some(("Bearer s2".to_owned(), 2)));
        assert_eq!(header(&vault).await, "Bearer s2", "calls after it carry what it found");
        assert_eq!(
            after(&cached).await,
            Some(("Bearer s2".to_owned(), 2)),
            "also one that was on its way with the old"
        );

        // The same as it was is no other; nor is the store asked for each call that is refused.
        let current = vault.credential(&spec()).await.expect("credential");
        ground.clock.advance(REST);
        assert_eq!(after(&current).await, None);
        put("s3", FRESH).await;
        assert_eq!(after(&current).await, None, "it was asked a moment ago");
        ground.clock.advance(REST);
        assert_eq!(after(&current).await, Some(("Bearer s3".to_owned(), 3)));
        // Refused in turn, it is the one before that is left.
        let newest = vault.credential(&spec()).await.expect("credential");
        assert_eq!(after(&newest).await, Some(("Bearer s2".to_owned(), 2)));
    }
}

#[tokio::test]
async fn a_version_that_stays_refused_is_asked_about_less_and_less() {
    for ground in grounds().await {
        let (vault, asked) = shaky(&ground, usize::MAX).await;
        vault.put(&name("coda/key"), &token("s1"), Expected::Absent).await.expect("put");
        let cached = vault.credential(&spec()).await.expect("credential");
        let mut counts = Vec::new();
        for _ in 0..7 {
            assert!(vault.after_refusal(&spec(), &cached).await.expect("no error").is_none());
            counts.push(asked.load(Ordering::SeqCst));
            ground.clock.advance(REST);
        }
        // At once, after 3 s, 6 s more, and 12 s more.
        assert_eq!(counts, [2, 3, 3, 4, 4, 4, 4]);
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_no_help_to_a_call_that_was_refused() {
    for ground in grounds().await {
        let (vault, asked) = shaky(&ground, 1).await;
        vault.put(&name("coda/key"), &token("s1"), Expected::Absent).await.expect("put");
        let cached = vault.credential(&spec()).await.expect("credential");
        for _ in 0..2 {
            assert!(vault.after_refusal(&spec(), &cached).await.expect("no error").is_none());
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        assert_eq!(header(&vault).await, "Bearer s1", "what was opened a short while ago serves");
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
    let root = ground.root().into();
    let vault = Vault::with_store(ground.db.clone(), root, ground.clock(), Random::system(), settings, store).await;
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
async fn a_store_that_fails_is_asked_once_for_many_calls() {
    for ground in grounds().await {
        let (vault, asked) = shaky(&ground, 0).await;
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let vault = vault.clone();
            calls.spawn(async move { vault.credential(&spec()).await.map(drop) });
        }
        let ended = calls.join_all().await;
        assert!(ended.iter().all(|ended| matches!(ended, Err(CredentialError::Unavailable { .. }))), "{ended:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        ground.clock.advance(REST);
        vault.credential(&spec()).await.expect_err("still down");
        assert_eq!(asked.load(Ordering::SeqCst), 2, "it is asked again after a rest");
    }
}

#[tokio::test]
async fn many_calls_at_once_open_the_token_once() {
    for ground in grounds().await {
        let (vault, asked) = shaky(&ground, 100).await;
        vault.put(&name("coda/key"), &token("s1"), Expected::Absent).await.expect("put");
        news_is_heard().await;
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let vault = vault.clone();
            calls.spawn(async move { header(&vault).await });
        }
        assert!(calls.join_all().await.iter().all(|header| header == "Bearer s1"));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
