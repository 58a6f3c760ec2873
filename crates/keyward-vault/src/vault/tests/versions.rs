//! Earlier versions: usable for their grace, then gone.

use std::time::Duration;

use keyward_core::id::UserId;
use uuid::Uuid;

use crate::testing::{Ground, grounds, name, token};
use crate::{Expected, Vault};

const GRACE: Duration = Duration::from_secs(600);
const SECOND: Duration = Duration::from_secs(1);

async fn earlier(vault: &Vault) -> Option<(String, i64)> {
    let opened = vault.earlier(&name("coda/key")).await.expect("earlier")?;
    Some((opened.value.expose_text().expect("text").to_owned(), opened.version))
}

async fn put(vault: &Vault, value: &str, grace: Duration) -> i64 {
    vault.put(&name("coda/key"), &token(value).grace(grace), Expected::Anything).await.expect("put")
}

async fn kept(ground: &Ground) -> i64 {
    let row = ground.db.query_opt("SELECT count(*) FROM token_versions", &[]).await.expect("rows");
    row.expect("a count").get(0).expect("a number")
}

#[tokio::test]
async fn the_version_before_serves_until_its_grace_ends() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        put(&vault, "v1", GRACE).await;
        assert_eq!(earlier(&vault).await, None, "there was none before");
        put(&vault, "v2", GRACE).await;
        assert_eq!(earlier(&vault).await, Some(("v1".to_owned(), 1)));
        let versions = vault.versions(&name("coda/key")).await.expect("versions");
        let now = ground.clock.now();
        assert_eq!(
            versions.iter().map(|entry| (entry.version, entry.current, entry.usable_until)).collect::<Vec<_>>(),
            [(2, true, None), (1, false, Some(now.plus(GRACE)))]
        );
        ground.clock.advance(GRACE - SECOND);
        assert_eq!(earlier(&vault).await, Some(("v1".to_owned(), 1)));
        assert_eq!((vault.sweep().await.expect("sweep"), kept(&ground).await), (0, 1));
        ground.clock.advance(SECOND);
        assert_eq!(earlier(&vault).await, None);
        assert_eq!(vault.versions(&name("coda/key")).await.expect("versions").len(), 1);
        assert_eq!((vault.sweep().await.expect("sweep"), kept(&ground).await), (1, 0));
    }
}

#[tokio::test]
async fn a_put_without_grace_ends_every_version_before() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        for value in ["v1", "v2", "v3"] {
            put(&vault, value, GRACE).await;
        }
        assert_eq!(earlier(&vault).await, Some(("v2".to_owned(), 2)));
        assert_eq!(vault.versions(&name("coda/key")).await.expect("versions").len(), 3);
        put(&vault, "v4", Duration::ZERO).await;
        assert_eq!(earlier(&vault).await, None);
        assert_eq!(kept(&ground).await, 0);
    }
}

#[tokio::test]
async fn no_version_outlives_the_one_after_it() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        put(&vault, "v1", GRACE).await;
        put(&vault, "v2", GRACE).await;
        put(&vault, "v3", SECOND).await;
        ground.clock.advance(SECOND);
        assert_eq!(earlier(&vault).await, None);
        // Every put destroys what has ended.
        put(&vault, "v4", GRACE).await;
        assert_eq!((earlier(&vault).await, kept(&ground).await), (Some(("v3".to_owned(), 3)), 1));
        // Those of other tokens are left to the sweep, which is recorded.
        ground.clock.advance(GRACE);
        vault.put(&name("coda/other"), &token("o1"), Expected::Absent).await.expect("put");
        assert_eq!((kept(&ground).await, vault.sweep().await.expect("sweep"), kept(&ground).await), (1, 1, 0));
        put(&vault, "v5", GRACE).await;
        vault.delete(&name("coda/key")).await.expect("delete");
        assert_eq!((earlier(&vault).await, kept(&ground).await), (None, 0));
    }
}

#[tokio::test]
async fn a_put_that_loses_keeps_nothing() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        put(&vault, "v1", GRACE).await;
        let refused = vault.put(&name("coda/key"), &token("v2").grace(GRACE), Expected::Version(7)).await;
        refused.expect_err("conflict");
        assert_eq!((earlier(&vault).await, kept(&ground).await), (None, 0));
    }
}

#[tokio::test]
async fn an_earlier_version_opens_in_its_own_place_only() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        for tampering in [
            "UPDATE token_versions SET version = 0",
            "UPDATE token_versions SET iv = auth_tag",
            "UPDATE token_versions SET (encrypted_value, iv, auth_tag, key_id) =
                (SELECT encrypted_value, iv, auth_tag, key_id FROM tokens WHERE service_id = 'coda')",
        ] {
            put(&vault, "before", Duration::ZERO).await;
            put(&vault, "after", GRACE).await;
            ground.tamper(tampering).await;
            let error = vault.earlier(&name("coda/key")).await.expect_err(tampering);
            assert!(error.to_string().starts_with("cannot open token coda/key: sealed with key dk_"), "{error}");
        }
    }
}

#[tokio::test]
async fn one_person_never_gets_anothers_earlier_version() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        let [ann, bob] = [1, 2].map(|id| name("coda/key").owned_by(UserId(Uuid::from_u128(id))));
        for value in ["ann 1", "ann 2"] {
            vault.put(&ann, &token(value).grace(GRACE), Expected::Anything).await.expect("put");
        }
        vault.put(&bob, &token("bob 1").grace(GRACE), Expected::Anything).await.expect("put");
        assert!(vault.earlier(&bob).await.expect("earlier").is_none());
        assert!(vault.earlier(&name("coda/key")).await.expect("earlier").is_none());
        ground.tamper("UPDATE token_versions SET token_id = (SELECT id FROM tokens WHERE version = 1 AND service_id = 'coda')").await;
        ground.tamper("UPDATE token_versions SET version = 0").await;
        vault.earlier(&bob).await.expect_err("it is sealed for its owner");
    }
}

#[tokio::test]
async fn a_version_that_does_not_open_is_replaced_and_not_kept() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        put(&vault, "v1", GRACE).await;
        ground.tamper("UPDATE tokens SET iv = auth_tag").await;
        assert_eq!(put(&vault, "v2", GRACE).await, 2);
        assert_eq!((earlier(&vault).await, kept(&ground).await), (None, 0));
    }
}
