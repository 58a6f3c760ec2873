//! A new data key, and rows that move to it.

use keyward_storage::data_keys::{self, DataKeyState};
use keyward_storage::sealed_rows;

use crate::testing::{Ground, grounds, name, token};
use crate::{Expected, Place, TokenName, Vault, VaultError};

async fn filled(ground: &Ground, count: usize) -> Vault {
    let vault = ground.vault().await;
    for at in 0..count {
        let (name, value) = (name(&format!("coda/key{at}")), token(&format!("value {at}")));
        vault.put(&name, &value, Expected::Absent).await.expect("put");
    }
    vault
}

async fn all_open(vault: &Vault, count: usize) {
    for at in 0..count {
        let opened = vault.get(&name(&format!("coda/key{at}"))).await.expect("get").expect("token");
        assert_eq!(opened.value.expose_text(), Some(format!("value {at}").as_str()));
    }
}

async fn states(ground: &Ground) -> Vec<DataKeyState> {
    data_keys::all(&ground.db).await.expect("rows").iter().map(|row| row.state).collect()
}

#[tokio::test]
async fn every_row_moves_and_the_old_key_is_retired() {
    for ground in grounds().await {
        let vault = filled(&ground, 150).await;
        let before = data_keys::all(&ground.db).await.expect("rows").remove(0).key_id;
        let other = ground.vault_of_another_process().await;
        ground.clock.advance(std::time::Duration::from_secs(1));
        let mut seen = Vec::new();
        let done = vault.rotate_data_key(|progress| seen.push((progress.done, progress.total))).await.expect("rotated");
        // Those of the tokens, and the key of fingerprints.
        assert_eq!((done.resealed, done.resumed, done.retired.as_slice()), (151, false, [before.clone()].as_slice()));
        assert_eq!((seen.first(), seen.last()), (Some(&(0, 151)), Some(&(151, 151))));
        assert_eq!(states(&ground).await, [DataKeyState::Retired, DataKeyState::Active]);
        let counts = sealed_rows::counts(&ground.db).await.expect("counts");
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(done.key_id.clone(), 151)]);
        assert_eq!(data_keys::rotation(&ground.db).await.expect("asked"), None);
        for vault in [&vault, &other, &ground.vault().await] {
            all_open(vault, 150).await;
        }
        let entry = vault.list().await.expect("list").remove(0);
        assert_eq!((entry.version, entry.key_id), (1, Some(done.key_id.clone())));
        let records = ground.audited().await;
        let record = records.iter().find(|record| record.action == "key.rotate").expect("a record");
        let detail = record.detail.as_deref().expect("detail");
        assert!(detail.contains(&done.key_id) && detail.contains(&before) && detail.contains("151"), "{detail}");
    }
}

#[tokio::test]
async fn a_rotation_that_was_broken_off_goes_on_with_the_same_key() {
    for ground in grounds().await {
        let vault = filled(&ground, 3).await;
        ground.clock.advance(std::time::Duration::from_secs(1));
        // As a kill leaves it: the key is made, nothing has moved.
        vault.0.ring.make_key(crate::key::ring::Wanted::Rotation).await.expect("made");
        let target = data_keys::rotation(&ground.db).await.expect("asked").expect("under way");
        let done = ground.vault().await.rotate_data_key(drop).await.expect("rotated");
        assert!(done.resumed);
        assert_eq!((done.key_id, done.resealed), (target, 4));
        all_open(&vault, 3).await;
        assert!(!vault.rotate_data_key(drop).await.expect("rotated").resumed, "the next begins anew");
        assert_eq!(states(&ground).await.len(), 3);
    }
}

#[tokio::test]
async fn what_is_written_meanwhile_is_never_overwritten() {
    for ground in grounds().await {
        let vault = filled(&ground, 40).await;
        let writer = ground.vault_of_another_process().await;
        let writing = async {
            for round in 0..10 {
                for at in 0..40 {
                    let (name, value) = (name(&format!("coda/key{at}")), token(&format!("round {round} of {at}")));
                    writer.put(&name, &value, Expected::Anything).await.expect("put");
                }
            }
        };
        let rotating = async {
            for _ in 0..3 {
                vault.rotate_data_key(drop).await.expect("rotated");
            }
        };
        tokio::join!(writing, rotating);
        for at in 0..40 {
            let opened = ground.vault().await.get(&name(&format!("coda/key{at}"))).await.expect("get").expect("token");
            assert_eq!(opened.value.expose_text(), Some(format!("round 9 of {at}").as_str()));
        }
    }
}

#[tokio::test]
async fn a_value_that_was_sealed_a_moment_before_opens_and_moves_with_the_next() {
    for ground in grounds().await {
        let vault = filled(&ground, 1).await;
        let place = Place::column("signing_keys", "private", "late");
        let late = vault.seal_blob(&place, b"late").await.expect("sealed");
        vault.rotate_data_key(drop).await.expect("rotated");
        let sql = "INSERT INTO signing_keys (kid, alg, public_jwk, state, created_at, sealed, iv, auth_tag, key_id)
            VALUES ('late', 'ES256', '{}', 'published', $1, $2, $3, $4, $5)";
        let sealed = [late.ciphertext.clone(), late.iv.to_vec(), late.tag.to_vec()];
        let [ciphertext, iv, tag] = sealed.map(keyward_storage::Value::from);
        let params = [ground.clock.now().into(), ciphertext, iv, tag, late.key_id.as_str().into()];
        ground.db.execute(sql, &params).await.expect("written late");
        for vault in [&vault, &ground.vault().await] {
            assert_eq!(vault.open_blob(&place, &late).await.expect("opens").expose_secret(), b"late");
        }
        let done = vault.rotate_data_key(drop).await.expect("rotated");
        assert_eq!(done.resealed, 3);
        let counts = sealed_rows::counts(&ground.db).await.expect("counts");
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(done.key_id, 3)]);
    }
}

#[tokio::test]
async fn a_row_that_does_not_open_is_told_and_keeps_its_key() {
    for ground in grounds().await {
        let vault = filled(&ground, 3).await;
        let before = data_keys::all(&ground.db).await.expect("rows").remove(0).key_id;
        ground.tamper("UPDATE tokens SET iv = auth_tag WHERE token_key = 'key1'").await;
        ground.tamper("UPDATE tokens SET owner = 'x' WHERE token_key = 'key2'").await;
        ground.clock.advance(std::time::Duration::from_secs(1));
        let done = vault.rotate_data_key(drop).await.expect("rotated");
        let told = format!("cannot open token coda/key1: sealed with key {before}");
        assert_eq!(done.unopened, [format!("cannot open a row that names no owner: sealed with key {before}"), told]);
        assert_eq!((done.resealed, done.retired.len()), (2, 0));
        assert_eq!(states(&ground).await, [DataKeyState::DecryptOnly, DataKeyState::Active]);
        ground.tamper("UPDATE tokens SET owner = '' WHERE token_key = 'key2'").await;
        ground.clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(vault.rotate_data_key(drop).await.expect("rotated").unopened.len(), 1);
        all_open(&vault, 1).await;
        assert!(vault.get(&name("coda/key2")).await.is_ok());
    }
}

#[tokio::test]
async fn a_process_that_has_not_heard_of_a_rotation_reads_what_it_left() {
    for ground in grounds().await {
        let vault = filled(&ground, 3).await;
        let other = ground.vault_of_another_process().await;
        all_open(&other, 3).await;
        vault.rotate_data_key(drop).await.expect("rotated");
        all_open(&other, 3).await;
    }
}

#[tokio::test]
async fn one_process_at_a_time() {
    for ground in grounds().await {
        let vault = filled(&ground, 1).await;
        let other = ground.vault_of_another_process().await;
        let lock = other.keys_lock().await.expect("free");
        assert!(matches!(vault.rotate_data_key(drop).await, Err(VaultError::KeysBusy)));
        assert_eq!(states(&ground).await, [DataKeyState::Active]);
        drop(lock);
        vault.rotate_data_key(drop).await.expect("rotated");
    }
}

#[tokio::test]
async fn earlier_versions_and_own_secrets_move_too() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        let (coda, own) = (name("coda/key"), TokenName::own("signing.k1").expect("name"));
        vault.put(&own, &token("own"), Expected::Absent).await.expect("put");
        vault.put(&coda, &token("first"), Expected::Absent).await.expect("put");
        let next = token("second").grace(std::time::Duration::from_secs(60));
        vault.put(&coda, &next, Expected::Version(1)).await.expect("put");
        vault.rotate_data_key(drop).await.expect("rotated");
        let vault = ground.vault().await;
        assert_eq!(vault.get(&own).await.expect("get").expect("token").value.expose_text(), Some("own"));
        assert_eq!(vault.get(&coda).await.expect("get").expect("token").value.expose_text(), Some("second"));
        let keys = sealed_rows::counts(&ground.db).await.expect("counts");
        assert_eq!(keys.len(), 1);
    }
}
