use keyward_storage::audit::AuditLog;

use super::*;
use crate::testing::{Ground, grounds, name};

async fn ring(ground: &Ground, limit: i64) -> Result<KeyRing, VaultError> {
    let audit: AuditLog = ground.audit.clone();
    KeyRing::open(ground.db.clone(), ground.root(), ground.clock(), Random::system(), audit, limit).await
}

async fn counts(ground: &Ground) -> Vec<(DataKeyState, i64)> {
    let rows = data_keys::all(&ground.db).await.expect("rows");
    rows.iter().map(|row| (row.state, row.sealed_count)).collect()
}

fn place() -> Place {
    Place::token(&name("coda/key"), 1)
}

#[tokio::test]
async fn counts_too_many_rather_than_too_few() {
    for ground in grounds().await {
        let mut done = 0;
        for _restart in 0..3 {
            let ring = ring(&ground, SEAL_LIMIT).await.expect("ring");
            for _ in 0..BLOCK + 1 {
                ring.seal(&place(), b"value").await.expect("sealed");
                done += 1;
                let [(DataKeyState::Active, counted)] = counts(&ground).await[..] else {
                    panic!("one active key");
                };
                assert!(counted >= done, "{counted} counted, {done} done");
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_is_used_up_opens_and_seals_no_more() {
    for ground in grounds().await {
        let ring = ring(&ground, 2 * BLOCK).await.expect("ring");
        let first = ring.seal(&place(), b"first").await.expect("sealed");
        let mut last = ring.seal(&place(), b"last").await.expect("sealed");
        ground.clock.advance(std::time::Duration::from_secs(1));
        for _ in 0..2 * BLOCK {
            last = ring.seal(&place(), b"last").await.expect("sealed");
        }
        assert_ne!(first.key_id, last.key_id);
        assert_eq!(counts(&ground).await, [(DataKeyState::DecryptOnly, 2 * BLOCK), (DataKeyState::Active, BLOCK)]);
        assert_eq!(ring.open_sealed(&place(), &first).await.expect("opens").expose_secret(), b"first");
        assert_eq!(ring.open_sealed(&place(), &last).await.expect("opens").expose_secret(), b"last");
    }
}

#[tokio::test]
async fn opens_what_another_process_sealed_under_a_newer_key() {
    for ground in grounds().await {
        let early = ring(&ground, BLOCK).await.expect("ring");
        let other = ring(&ground, BLOCK).await.expect("ring");
        let mut sealed = other.seal(&place(), b"value").await.expect("sealed");
        for _ in 0..BLOCK {
            sealed = other.seal(&place(), b"value").await.expect("sealed");
        }
        assert_eq!(counts(&ground).await.len(), 2);
        assert_eq!(early.open_sealed(&place(), &sealed).await.expect("opens").expose_secret(), b"value");
        // The early ring's active key was used up by the other.
        assert_eq!(early.seal(&place(), b"value").await.map(|_| ()).map_err(|error| error.to_string()), Ok(()));
    }
}

#[tokio::test]
async fn processes_that_start_at_once_make_one_key() {
    for ground in grounds().await {
        let rings = tokio::join!(ring(&ground, SEAL_LIMIT), ring(&ground, SEAL_LIMIT), ring(&ground, SEAL_LIMIT));
        let (a, b, c) = (rings.0.expect("ring"), rings.1.expect("ring"), rings.2.expect("ring"));
        assert_eq!(counts(&ground).await.len(), 1);
        let sealed = a.seal(&place(), b"value").await.expect("sealed");
        for ring in [b, c] {
            assert!(ring.open_sealed(&place(), &sealed).await.is_ok());
        }
    }
}

#[tokio::test]
async fn a_damaged_data_key_is_named_and_nothing_is_changed() {
    for ground in grounds().await {
        let sealed = ring(&ground, SEAL_LIMIT).await.expect("ring").seal(&place(), b"value").await.expect("sealed");
        let before = data_keys::all(&ground.db).await.expect("rows").remove(0);
        let mut damaged = before.wrapped_key.clone();
        damaged[20] ^= 1;
        for bad in [damaged, Vec::new()] {
            let sql = "UPDATE data_keys SET wrapped_key = $1";
            ground.db.execute(sql, &[bad.clone().into()]).await.expect("tampered");
            let error = ring(&ground, SEAL_LIMIT).await.map(drop).expect_err("refused");
            assert_eq!(
                error.to_string(),
                format!("cannot unwrap data key {}: its row was changed or damaged", before.key_id)
            );
            assert_eq!(data_keys::all(&ground.db).await.expect("rows").remove(0).wrapped_key, bad);
            ground.db.execute(sql, &[before.wrapped_key.clone().into()]).await.expect("restored");
        }
        let ring = ring(&ground, SEAL_LIMIT).await.expect("ring");
        assert!(ring.open_sealed(&place(), &sealed).await.is_ok());
    }
}

#[tokio::test]
async fn a_key_that_was_taken_out_of_use_counts_no_further_seals() {
    for ground in grounds().await {
        let ring = ring(&ground, SEAL_LIMIT).await.expect("ring");
        ground.tamper("UPDATE data_keys SET state = 'decrypt_only'").await;
        ground.clock.advance(std::time::Duration::from_secs(1));
        let sealed = ring.seal(&place(), b"value").await.expect("sealed");
        assert_eq!(counts(&ground).await, [(DataKeyState::DecryptOnly, 0), (DataKeyState::Active, BLOCK)]);
        assert!(ring.open_sealed(&place(), &sealed).await.is_ok());
    }
}
