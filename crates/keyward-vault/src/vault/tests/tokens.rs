//! Tokens go in and come out.

use keyward_core::secret::Secret;

use crate::testing::{grounds, name, token};
use crate::{Expected, NewToken, TokenName, VaultError};

#[tokio::test]
async fn values_of_any_bytes_come_back_after_a_restart() {
    for ground in grounds().await {
        let values = [vec![0], (0..=255).collect(), vec![0xff; crate::store::MAX_VALUE_LEN]];
        let vault = ground.vault().await;
        for (at, value) in values.iter().enumerate() {
            let new = NewToken::new(Secret::new(value.clone())).expect("value").expires_at(ground.clock.now());
            vault.put(&name(&format!("svc/k{at}")), &new, Expected::Absent).await.expect("put");
        }
        let vault = ground.vault().await;
        for (at, value) in values.iter().enumerate() {
            let opened = vault.get(&name(&format!("svc/k{at}"))).await.expect("get").expect("token");
            assert_eq!(opened.value.expose_secret(), value);
            assert_eq!((opened.version, opened.expires_at), (1, Some(ground.clock.now())));
        }
    }
}

#[tokio::test]
async fn the_database_never_holds_a_value() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        vault.put(&name("coda/key"), &token("a-value-to-look-for"), Expected::Absent).await.expect("put");
        let row = keyward_storage::tokens::find(&ground.db, "coda", "key", "").await.expect("row").expect("row");
        assert_eq!((row.iv.len(), row.auth_tag.len(), row.encrypted_value.len()), (12, 16, 19));
        assert!(!format!("{row:?}").contains("a-value-to-look-for"));
        assert_ne!(row.encrypted_value, b"a-value-to-look-for");
    }
}

#[tokio::test]
async fn versions_count_up_and_a_deleted_token_is_gone() {
    for ground in grounds().await {
        let (vault, coda) = (ground.vault().await, name("coda/key"));
        assert!(vault.get(&coda).await.expect("get").is_none());
        assert!(vault.versions(&coda).await.expect("versions").is_empty());
        assert!(!vault.delete(&coda).await.expect("nothing to delete"));
        for version in 1..=3 {
            assert_eq!(vault.put(&coda, &token("x"), Expected::Anything).await.expect("put"), version);
        }
        assert_eq!(vault.versions(&coda).await.expect("versions")[0].version, 3);
        assert!(vault.delete(&coda).await.expect("deleted"));
        assert!(vault.get(&coda).await.expect("get").is_none());
    }
}

#[tokio::test]
async fn a_wrong_expectation_is_told_with_what_is_there() {
    for ground in grounds().await {
        let (vault, coda) = (ground.vault().await, name("coda/key"));
        let conflict = |error: VaultError| error.to_string();
        let error = vault.put(&coda, &token("x"), Expected::Version(1)).await.expect_err("absent");
        assert_eq!(conflict(error), "token coda/key was changed by somebody else: expected version 1, found none");
        vault.put(&coda, &token("x"), Expected::Absent).await.expect("put");
        let error = vault.put(&coda, &token("x"), Expected::Absent).await.expect_err("there");
        assert_eq!(conflict(error), "token coda/key was changed by somebody else: expected none, found version 1");
    }
}

#[tokio::test]
async fn of_many_writers_one_wins_and_the_others_are_told() {
    for ground in grounds().await {
        let coda = name("coda/key");
        for (expected, wins) in [(Expected::Absent, 1), (Expected::Version(1), 2)] {
            let mut writers = tokio::task::JoinSet::new();
            for writer in 0..8 {
                let (vault, coda) = (ground.vault_of_another_process().await, coda.clone());
                writers.spawn(async move { vault.put(&coda, &token(&format!("writer {writer}")), expected).await });
            }
            let (won, lost): (Vec<_>, Vec<_>) = writers.join_all().await.into_iter().partition(Result::is_ok);
            assert_eq!(won.into_iter().map(|won| won.expect("won")).collect::<Vec<_>>(), [wins]);
            assert_eq!(lost.len(), 7);
            for error in lost {
                let error = error.expect_err("lost");
                assert!(matches!(&error, VaultError::Conflict { found: Some(found), .. } if *found == wins), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn writers_without_an_expectation_all_get_through() {
    for ground in grounds().await {
        let (vault, coda) = (ground.vault().await, name("coda/key"));
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (vault, coda) = (vault.clone(), coda.clone());
            writers.spawn(async move { vault.put(&coda, &token("x"), Expected::Anything).await.expect("put") });
        }
        let mut versions = writers.join_all().await;
        versions.sort_unstable();
        assert_eq!(versions, (1..=8).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn listings_are_sorted_and_leave_own_secrets_out() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        for of in ["b/z", "b/a", "a/z"] {
            vault.put(&name(of), &token("x"), Expected::Absent).await.expect("put");
        }
        let own = TokenName::own("signing.k1").expect("name");
        vault.put(&own, &token("private"), Expected::Absent).await.expect("put");
        let names: Vec<_> = vault.list().await.expect("list").iter().map(|entry| entry.name.to_string()).collect();
        assert_eq!(names, ["a/z", "b/a", "b/z"]);
        assert!(vault.get(&own).await.expect("get").is_some());
    }
}

#[tokio::test]
async fn fingerprints_hold_over_restarts_and_differ_by_root_key() {
    let value = Secret::from_text("a token".to_owned());
    let mut seen = Vec::new();
    for ground in grounds().await {
        let fingerprint = ground.vault().await.fingerprint(&value);
        assert_eq!(ground.vault().await.fingerprint(&value), fingerprint);
        assert_eq!((fingerprint.len(), &fingerprint[..3]), (15, "kf_"));
        assert!(!seen.contains(&fingerprint));
        seen.push(fingerprint);
    }
}
