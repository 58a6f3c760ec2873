//! Another root key for the same data keys.

use std::sync::Arc;

use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_storage::data_keys;

use crate::key::{DataKey, KeyWrapper, RootKey, WrapError, WrapFuture};
use crate::seal::KeyId;
use crate::testing::{grounds, name, token};
use crate::{Expected, VaultError};

fn another() -> RootKey {
    RootKey::generate(&Random::system(), "the file next.key").expect("root key")
}

#[tokio::test]
async fn the_database_opens_with_the_new_root_key_alone() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        vault.put(&name("coda/key"), &token("precious"), Expected::Absent).await.expect("put");
        // A retired key, too, may open a row that comes late.
        vault.rotate_data_key(drop).await.expect("rotated");
        let fingerprint = vault.fingerprint(&Secret::from_text("value".into()));
        let next = another();
        let text = next.to_text();
        let id = next.id().to_string();
        let done = vault.rewrap_data_keys(Arc::new(next)).await.expect("wrapped anew");
        assert_eq!((done.from.as_str(), done.to.as_str(), done.keys), (ground.root().id().as_str(), id.as_str(), 2));
        let error = ground.vault_with(ground.root()).await.expect_err("the old root key");
        let found = ground.root().id().clone();
        let told = format!("expected root key {id}, the file keyward.key holds {found}; nothing was changed");
        assert_eq!(error.to_string(), told);
        let opened = ground.vault_with(RootKey::parse(&text, "a test").expect("key")).await.expect("the new root key");
        assert_eq!(
            opened.get(&name("coda/key")).await.expect("get").expect("token").value.expose_text(),
            Some("precious")
        );
        assert_eq!(opened.fingerprint(&Secret::from_text("value".into())), fingerprint);
        // Whoever had it open goes on, and says what is wrong when it needs a new data key.
        assert!(vault.get(&name("coda/key")).await.is_ok());
        vault.put(&name("coda/other"), &token("more"), Expected::Absent).await.expect("put");
        assert!(matches!(vault.rotate_data_key(drop).await, Err(VaultError::WrongRootKey { .. })));
        assert!(opened.get(&name("coda/other")).await.expect("get").is_some());
        let records = ground.audited().await;
        let detail =
            records.iter().find(|record| record.action == "key.rewrap").and_then(|record| record.detail.as_deref());
        assert!(detail.is_some_and(|detail| detail.contains(&id)), "{detail:?}");
    }
}

#[tokio::test]
async fn the_same_root_key_is_refused() {
    for ground in grounds().await {
        let error = ground.vault().await.rewrap_data_keys(Arc::new(ground.root())).await.expect_err("refused");
        assert!(matches!(error, VaultError::SameRootKey { .. }), "{error}");
    }
}

/// A provider that fails in one way.
struct Faulty(Fault);

enum Fault {
    Down,
    /// It wraps, and what it unwraps is something else.
    Lies,
}

impl KeyWrapper for Faulty {
    fn id(&self) -> &str {
        "faulty"
    }

    fn origin(&self) -> &str {
        "the faulty provider"
    }

    fn wrap<'a>(&'a self, _: &'a DataKey, _: &'a KeyId, _: &'a Random) -> WrapFuture<'a, Vec<u8>> {
        Box::pin(async {
            match self.0 {
                Fault::Down => {
                    Err(WrapError::Unavailable { origin: self.origin().to_owned(), cause: "it is down".into() })
                }
                Fault::Lies => Ok(vec![1]),
            }
        })
    }

    fn unwrap<'a>(&'a self, _: &'a [u8], _: &'a KeyId) -> WrapFuture<'a, DataKey> {
        Box::pin(async { Ok(DataKey::from_slice(&[7; 32]).expect("a key")) })
    }
}

#[tokio::test]
async fn a_provider_that_does_not_give_back_what_it_got_changes_nothing() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        let before: Vec<_> = data_keys::all(&ground.db)
            .await
            .expect("rows")
            .into_iter()
            .map(|row| (row.wrapped_by, row.wrapped_key))
            .collect();
        for (fault, told) in [
            (Fault::Down, "the faulty provider cannot be used now"),
            (Fault::Lies, "the faulty provider does not open it: it was wrapped with another key, or changed since"),
        ] {
            let error = vault.rewrap_data_keys(Arc::new(Faulty(fault))).await.expect_err("refused");
            assert_eq!(error.to_string(), told);
        }
        let after: Vec<_> = data_keys::all(&ground.db)
            .await
            .expect("rows")
            .into_iter()
            .map(|row| (row.wrapped_by, row.wrapped_key))
            .collect();
        assert!(before == after);
        ground.vault().await;
    }
}
