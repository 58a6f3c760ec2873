use keyward_storage::audit::AuditLog;

use super::*;
use crate::testing::{Ground, grounds, name};

async fn ring(ground: &Ground, limit: i64) -> Result<KeyRing, VaultError> {
    let audit: AuditLog = ground.audit.clone();
    KeyRing::open(ground.db.clone(), ground.root().into(), ground.clock(), Random::system(), audit, limit).await
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

/// A root key behind a service that can be stopped.
struct Switch {
    root: crate::key::RootKey,
    is_down: std::sync::atomic::AtomicBool,
}

impl KeyWrapper for Switch {
    fn id(&self) -> &str {
        self.root.id().as_str()
    }

    fn origin(&self) -> &str {
        "the service"
    }

    fn wrap<'a>(
        &'a self,
        data_key: &'a DataKey,
        key_id: &'a KeyId,
        random: &'a Random,
    ) -> crate::key::WrapFuture<'a, Vec<u8>> {
        match self.is_down.load(Ordering::SeqCst) {
            true => Box::pin(async {
                Err(WrapError::Unavailable { origin: "the service".to_owned(), cause: "it is down".into() })
            }),
            false => self.root.wrap(data_key, key_id, random),
        }
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8], key_id: &'a KeyId) -> crate::key::WrapFuture<'a, DataKey> {
        self.root.unwrap(wrapped, key_id)
    }
}

#[tokio::test]
async fn sealing_goes_on_while_the_provider_is_down_and_stops_at_the_standards_limit() {
    for ground in grounds().await {
        let switch = Arc::new(Switch { root: ground.root(), is_down: false.into() });
        let (db, clock, audit) = (ground.db.clone(), ground.clock(), ground.audit.clone());
        let ring = KeyRing::open(db, switch.clone(), clock, Random::system(), audit, 2 * BLOCK).await.expect("ring");
        switch.is_down.store(true, Ordering::SeqCst);
        for _ in 0..4 * BLOCK {
            ring.seal(&place(), b"value").await.expect("within the limit");
        }
        let error = ring.seal(&place(), b"value").await.map(drop).expect_err("nothing left");
        assert!(matches!(error, VaultError::KeyProvider(WrapError::Unavailable { .. })), "{error}");
        assert_eq!(counts(&ground).await, [(DataKeyState::Active, 4 * BLOCK)]);
        switch.is_down.store(false, Ordering::SeqCst);
        ground.clock.advance(std::time::Duration::from_secs(1));
        let sealed = ring.seal(&place(), b"value").await.expect("a new key");
        assert!(ring.open_sealed(&place(), &sealed).await.is_ok());
        assert_eq!(counts(&ground).await, [(DataKeyState::DecryptOnly, 4 * BLOCK), (DataKeyState::Active, BLOCK)]);
    }
}
