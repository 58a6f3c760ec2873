//! Signed checkpoints on both databases: what they prove, and that old records go only up to one.

use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::{Clock, ManualClock, Timestamp};
use keyward_core::random::Random;
use keyward_storage::audit::{
    AuditLog, Checkpoint, CheckpointError, CheckpointFault, Fault, PruneError, Signer, Trust, Untrusted, change_key,
    check_prunable, checkpoints_after, make_checkpoint, prunable, prune, remove_pruned, verify, verify_with,
};
use keyward_storage::{Database, params, testing};

fn signer() -> Signer {
    let pair = Ed25519KeyPair::generate().expect("a key");
    let public = pair.public_key().as_ref().try_into().expect("32 bytes");
    Signer::new(public, move |message| pair.sign(message).as_ref().try_into().expect("64 bytes"))
}

async fn fill(database: &Database, records: u32) {
    let (log, writer) = AuditLog::new(database.clone(), Random::system());
    let writer = tokio::spawn(writer);
    for number in 0..records {
        let mut event = AuditEvent::new(database.clock().now(), Action::Call, AuditResult::Ok);
        event.detail = Some(format!("{{\"number\":{number}}}"));
        log.record(event);
    }
    drop(log);
    writer.await.expect("the writer ends with its last handle");
}

async fn checkpoint(database: &Database, signer: &Signer) -> Checkpoint {
    make_checkpoint(database, &Random::system(), signer).await.expect("signed").expect("a new one")
}

/// Three checkpoints over 30 records.
async fn signed(database: &Database, signer: &Signer) -> Vec<Checkpoint> {
    let mut made = Vec::new();
    for _ in 0..3 {
        fill(database, 10).await;
        made.push(checkpoint(database, signer).await);
    }
    made
}

fn trust(signer: &Signer, kept: &[Checkpoint]) -> Trust {
    Trust::new(vec![signer.public_key()], kept.to_vec()).expect("good")
}

async fn change(database: &Database, sql: &'static str) {
    database.execute(sql, params![]).await.expect("changed by other hands");
}

/// What somebody does who can write everything but has no key: another log in place of this one.
async fn rewrite(database: &Database) {
    change(database, "DELETE FROM audit_log").await;
    change(database, "DELETE FROM audit_head").await;
    fill(database, 30).await;
}

#[tokio::test]
async fn a_log_with_its_checkpoints_is_good() {
    for fresh in testing::databases(&Clock::System).await {
        let (db, signer) = (&fresh.database, signer());
        let made = signed(db, &signer).await;
        assert_eq!(make_checkpoint(db, &Random::system(), &signer).await.expect("nothing new"), None);
        assert_eq!(made.iter().map(|made| (made.number, made.seq)).collect::<Vec<_>>(), [(1, 10), (2, 20), (3, 30)]);
        let report = verify_with(db, &trust(&signer, &made[1..2]), |_| {}).await.expect("verified");
        assert!(report.is_good(), "{report:?}");
        assert_eq!((report.good, report.checkpoints, report.signed_up_to), (30, 3, 30));
        assert_eq!(report.keys, [signer.public_key()]);
        let line = made[0].to_string();
        assert_eq!(Checkpoint::parse(&line).expect("a checkpoint"), made[0]);
        assert_eq!(checkpoints_after(db, 0, 9).await.expect("read"), made);
    }
}

#[tokio::test]
async fn what_was_signed_cannot_be_written_anew() {
    for fresh in testing::databases(&Clock::System).await {
        let (db, signer) = (&fresh.database, signer());
        let made = signed(db, &signer).await;
        rewrite(db).await;
        let bad = verify(db).await.expect("verified").first_bad.expect("found");
        assert_eq!((bad.seq, bad.fault), (10, Fault::Rewritten { checkpoint: 1 }));
        let refused = make_checkpoint(db, &Random::system(), &signer).await.expect_err("not signed");
        assert!(matches!(refused, CheckpointError::Changed { seq: 30, number: 3 }), "{refused}");

        // Without the checkpoints the database says that all is well; the copy that was kept elsewhere does not.
        change(db, "DELETE FROM audit_checkpoints").await;
        assert!(verify(db).await.expect("verified").is_good());
        let report = verify_with(db, &trust(&signer, &made[2..]), |_| {}).await.expect("verified");
        assert_eq!(report.first_bad.expect("found").fault, Fault::Rewritten { checkpoint: 3 });
        assert_eq!(report.bad_checkpoint.expect("found").fault, CheckpointFault::Missing);
    }
}

#[tokio::test]
async fn what_was_signed_cannot_be_cut_off() {
    for fresh in testing::databases(&Clock::System).await {
        let (db, signer) = (&fresh.database, signer());
        let made = signed(db, &signer).await;
        for sql in [
            "DELETE FROM audit_log WHERE seq > 15",
            "UPDATE audit_head SET seq = 15, hash = (SELECT hash FROM audit_log WHERE seq = 15)",
        ] {
            change(db, sql).await;
        }
        let bad = verify(db).await.expect("verified").first_bad.expect("found");
        assert_eq!((bad.seq, bad.fault), (16, Fault::Missing));
        change(db, "DELETE FROM audit_checkpoints WHERE number > 1").await;
        assert!(verify(db).await.expect("verified").is_good());
        let report = verify_with(db, &trust(&signer, &made[1..]), |_| {}).await.expect("verified");
        assert_eq!(report.first_bad.map(|bad| (bad.seq, bad.fault)), Some((16, Fault::Missing)));
        assert_eq!(report.bad_checkpoint.map(|bad| (bad.number, bad.fault)), Some((2, CheckpointFault::Missing)));
    }
}

#[tokio::test]
async fn a_checkpoint_that_was_touched_is_named() {
    let touches: [(&'static str, i64, CheckpointFault); 7] = [
        ("UPDATE audit_checkpoints SET seq = 19 WHERE number = 2", 2, CheckpointFault::Signature),
        ("UPDATE audit_checkpoints SET hash = previous WHERE number = 2", 2, CheckpointFault::Signature),
        (
            "UPDATE audit_checkpoints SET signature = (SELECT signature FROM audit_checkpoints WHERE number = 1) \
             WHERE number = 3",
            3,
            CheckpointFault::Signature,
        ),
        ("UPDATE audit_checkpoints SET signature = hash WHERE number = 1", 1, CheckpointFault::Signature),
        ("UPDATE audit_checkpoints SET start_seq = 5 WHERE number = 3", 3, CheckpointFault::Signature),
        ("DELETE FROM audit_checkpoints WHERE number = 2", 2, CheckpointFault::Missing),
        ("DELETE FROM audit_checkpoints WHERE number = 1", 1, CheckpointFault::Missing),
    ];
    for (sql, number, fault) in touches {
        for fresh in testing::databases(&Clock::System).await {
            signed(&fresh.database, &signer()).await;
            change(&fresh.database, sql).await;
            let bad = verify(&fresh.database).await.expect("verified").bad_checkpoint.expect(sql);
            assert_eq!((bad.number, bad.fault), (number, fault), "{sql}");
        }
    }
}

#[tokio::test]
async fn another_key_signs_only_when_it_is_announced() {
    for fresh in testing::databases(&Clock::System).await {
        let (db, old, new, random) = (&fresh.database, signer(), signer(), Random::system());
        let made = signed(db, &old).await;
        fill(db, 5).await;
        let refused = make_checkpoint(db, &random, &new).await.expect_err("not announced");
        assert!(matches!(refused, CheckpointError::Key { number: 3, .. }), "{refused}");
        let tx = db.begin("test").await.expect("begun");
        change_key(tx, db.clock().now(), &random, &old, new.public_key()).await.expect("announced");
        fill(db, 5).await;
        assert!(make_checkpoint(db, &random, &old).await.is_err(), "the old key signs no more");
        let newest = checkpoint(db, &new).await;
        let report = verify_with(db, &trust(&old, &made), |_| {}).await.expect("verified");
        assert!(report.is_good(), "{report:?}");
        assert_eq!(report.keys, [old.public_key(), new.public_key()]);
        assert!(
            verify_with(db, &trust(&new, std::slice::from_ref(&newest)), |_| {}).await.expect("verified").is_good()
        );

        // A chain of somebody else's is whole, and not this one.
        let report = verify_with(db, &trust(&signer(), &[]), |_| {}).await.expect("verified");
        assert_eq!(report.bad_checkpoint.expect("found").fault, CheckpointFault::Key);
        let all = checkpoints_after(db, 0, 99).await.expect("read");
        assert!(Trust::new(vec![old.public_key()], all).is_ok(), "the new key is announced by the old");
        let unknown = Trust::new(vec![old.public_key()], vec![newest.clone()]).expect_err("refused");
        assert!(matches!(unknown, Untrusted::Key { number: 5, .. }), "{unknown}");
        let forged = Checkpoint { seq: 3, ..newest };
        assert_eq!(Trust::new(vec![new.public_key()], vec![forged]).expect_err("refused"), Untrusted::Signature(5));
    }
}

#[tokio::test]
async fn old_records_go_up_to_a_checkpoint_and_the_rest_is_proven() {
    let beginning = Timestamp::from_seconds(1_800_000_000);
    for fresh in testing::databases(&Clock::Manual(ManualClock::new(beginning))).await {
        let clock = ManualClock::new(beginning);
        let db = &fresh.open_again(Clock::Manual(clock.clone())).await;
        let (signer, random) = (signer(), Random::system());
        let mut made = Vec::new();
        for _ in 0..3 {
            fill(db, 10).await;
            made.push(checkpoint(db, &signer).await);
            fill(db, 3).await;
            clock.advance(Duration::from_secs(24 * 60 * 60));
        }
        assert!(prunable(db, beginning).await.expect("asked").is_none(), "nothing is older");
        let two_days = beginning.plus(Duration::from_secs(2 * 24 * 60 * 60));
        let old = prunable(db, two_days).await.expect("asked").expect("some");
        assert_eq!((old.from, old.to, old.count()), (1, 23, 23), "13 records a day, and a checkpoint at the tenth");
        let mut exported = Vec::new();
        let export = |record: &keyward_storage::audit::AuditRecord| {
            exported.push(record.seq);
            Ok(())
        };
        check_prunable(db, &signer, &old, export).await.expect("good");
        assert_eq!(exported, (1..=23).collect::<Vec<_>>());
        let anchor = prune(db, &random, &signer, &old).await.expect("removed");
        assert_eq!((anchor.start_seq, anchor.start_hash, anchor.seq), (23, made[1].hash, 40));

        let report = verify_with(db, &trust(&signer, &made[..1]), |_| {}).await.expect("verified");
        assert!(report.is_good(), "{report:?}");
        assert_eq!((report.start, report.good), (23, 17));
        assert!(prunable(db, two_days).await.expect("asked").is_none());
        assert_eq!(remove_pruned(db, &signer).await.expect("asked"), 0);

        // More cannot be removed by hand, nor what was removed be put in again in another form.
        change(db, "DELETE FROM audit_log WHERE seq = 24").await;
        let bad = verify(db).await.expect("verified").first_bad.expect("found");
        assert_eq!((bad.seq, bad.fault), (24, Fault::Missing));
    }
}

#[tokio::test]
async fn evidence_is_not_removed() {
    for fresh in testing::databases(&Clock::System).await {
        let (db, signer) = (&fresh.database, signer());
        signed(db, &signer).await;
        let later = db.clock().now().plus(Duration::from_secs(60));
        let old = prunable(db, later).await.expect("asked").expect("all");
        assert_eq!(old.to, 30);
        change(db, "UPDATE audit_log SET detail = 'else' WHERE seq = 7").await;
        let refused = check_prunable(db, &signer, &old, |_| Ok(())).await.expect_err("altered");
        assert!(matches!(refused, PruneError::Bad(bad) if bad.seq == 7 && bad.fault == Fault::Altered));
    }
}

/// What a checkpoint says is gone goes on its word alone: so it has to be one that Keyward signed.
#[tokio::test]
async fn nothing_goes_on_the_word_of_a_checkpoint_that_is_not_keywards() {
    let forgeries: [(&'static str, i64, CheckpointFault); 5] = [
        ("UPDATE audit_checkpoints SET start_seq = 30 WHERE number = 3", 3, CheckpointFault::Signature),
        ("UPDATE audit_checkpoints SET start_seq = 20, start_hash = hash", 3, CheckpointFault::Misplaced),
        (
            "UPDATE audit_checkpoints SET created_at = '2030-01-01T00:00:00.000000Z' WHERE number = 2",
            3,
            CheckpointFault::Misplaced,
        ),
        ("DELETE FROM audit_checkpoints WHERE number = 2", 3, CheckpointFault::Missing),
        ("DELETE FROM audit_checkpoints", 1, CheckpointFault::Key),
    ];
    for (sql, number, fault) in forgeries {
        for fresh in testing::databases(&Clock::System).await {
            let (db, own, stranger) = (&fresh.database, signer(), signer());
            signed(db, &own).await;
            let later = db.clock().now().plus(Duration::from_secs(60));
            let old = prunable(db, later).await.expect("asked").expect("all");
            change(db, sql).await;
            if fault == CheckpointFault::Key {
                checkpoint(db, &stranger).await;
            }
            let refused = remove_pruned(db, &own).await.expect_err("not removed");
            assert!(
                matches!(&refused, PruneError::Unsigned(bad) if bad.number == number && bad.fault == fault),
                "{sql}: {refused}"
            );
            let refused = check_prunable(db, &own, &old, |_| Ok(())).await.expect_err("not to be removed");
            assert!(matches!(refused, PruneError::Unsigned(_)), "{sql}: {refused}");
            assert_eq!(records(db).await, 30, "{sql}");
        }
    }
}

#[tokio::test]
async fn records_go_up_to_a_signed_checkpoint_alone() {
    for fresh in testing::databases(&Clock::System).await {
        let (db, own) = (&fresh.database, signer());
        signed(db, &own).await;
        fill(db, 1).await;
        change(db, "UPDATE audit_checkpoints SET seq = 19, hash = (SELECT hash FROM audit_log WHERE audit_log.seq = 19) WHERE number = 2").await;
        change(db, "UPDATE audit_log SET created_at = '2099-01-01T00:00:00.000000Z' WHERE seq = 20").await;
        let later = db.clock().now().plus(Duration::from_secs(60));
        let old = prunable(db, later).await.expect("asked").expect("some");
        assert_eq!(old.to, 19, "up to what was put there");
        let refused = check_prunable(db, &own, &old, |_| Ok(())).await.expect_err("not to be removed");
        assert!(matches!(refused, PruneError::Unsigned(_)), "{refused}");
        assert_eq!(records(db).await, 31);
    }
}

async fn records(database: &Database) -> i64 {
    let row = database.query_opt("SELECT count(*) FROM audit_log", params![]).await.expect("counted");
    row.expect("a count").get(0).expect("a number")
}
