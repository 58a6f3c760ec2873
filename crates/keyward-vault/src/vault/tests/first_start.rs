//! The root key and the database belong together.

use keyward_core::random::Random;

use crate::cache::CacheTimes;
use crate::key::{RootKey, file};
use crate::store::TokenStore;
use crate::store::env::EnvStore;
use crate::testing::{grounds, name, token};
use crate::{Environment, Expected, Place, TokenName, Vault, VaultError};

#[tokio::test]
async fn a_wrong_root_key_is_refused_and_nothing_is_lost() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        vault.put(&name("coda/key"), &token("precious"), Expected::Absent).await.expect("put");
        let wrong = RootKey::generate(&Random::system(), "the file other.key").expect("key");
        let found = wrong.id().clone();
        let error = ground.vault_with(wrong).await.expect_err("refused");
        assert_eq!(
            error.to_string(),
            format!("expected root key {}, the file other.key holds {found}; nothing was changed", vault.root_key_id())
        );
        let opened = ground.vault().await.get(&name("coda/key")).await.expect("get").expect("token");
        assert_eq!(opened.value.expose_text(), Some("precious"));
    }
}

#[tokio::test]
async fn a_key_file_is_made_for_an_empty_database_alone() {
    for ground in grounds().await {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("keyward.key");
        let made = file::load_or_create(&path, &ground.db, &Random::system()).await.expect("made");
        let again = file::load_or_create(&path, &ground.db, &Random::system()).await.expect("read");
        assert_eq!(again.id(), made.id());
        ground.vault_with(made).await.expect("vault");
        std::fs::remove_file(&path).expect("lost");
        let error = file::load_or_create(&path, &ground.db, &Random::system()).await.expect_err("refused");
        assert_eq!(
            error.to_string(),
            format!(
                "there is no key file {}; the database expects root key {}: put that file back",
                path.display(),
                again.id()
            )
        );
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn other_rooms_seal_columns_of_their_own() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        let place = Place::column("refresh_tokens", "successor", "row 1");
        let sealed = vault.seal_blob(&place, b"kwr_next").await.expect("sealed");
        let stored = crate::Sealed::from_bytes(&sealed.to_bytes()).expect("bytes");
        let vault = ground.vault().await;
        assert_eq!(vault.open_blob(&place, &stored).await.expect("opens").expose_secret(), b"kwr_next");
        for other in [
            Place::column("refresh_tokens", "successor", "row 2"),
            Place::column("refresh_tokens", "other", "row 1"),
            Place::column("signing_keys", "successor", "row 1"),
        ] {
            let error = vault.open_blob(&other, &stored).await.expect_err("another place");
            assert!(matches!(&error, VaultError::CannotOpen { .. }), "{error}");
        }
    }
}

#[tokio::test]
async fn own_secrets_are_in_the_database_whatever_store_is_configured() {
    for ground in grounds().await {
        let env = || EnvStore::new(Environment::of([("KEYWARD_TOKEN__CODA__KEY", "from env")]), Default::default());
        let (db, clock, audit) = (ground.db.clone(), ground.clock(), ground.audit.clone());
        let store = |_: &_| -> Box<dyn TokenStore> { Box::new(env()) };
        let settings = (CacheTimes::default(), audit, true);
        let vault =
            Vault::with_store(db, ground.root().into(), clock, Random::system(), settings, store).await.expect("vault");
        let own = TokenName::own("signing.k1").expect("name");
        vault.put(&own, &token("private"), Expected::Absent).await.expect("put");
        assert!(ground.vault().await.get(&own).await.expect("get").is_some());
        assert!(vault.get(&own).await.expect("get").is_some());
        assert_eq!(vault.versions(&own).await.expect("versions").len(), 1);
        assert!(vault.delete(&own).await.expect("deleted"));
        assert_eq!(vault.list().await.expect("list").len(), 1);
        let error = vault.put(&name("coda/key"), &token("x"), Expected::Anything).await.expect_err("read-only");
        assert!(error.to_string().starts_with("the env store is read-only: "), "{error}");
    }
}
