//! The audit chain on both databases.

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_storage::audit::{AuditFilter, AuditLog, AuditUnavailable, Fault, list, verify};
use keyward_storage::{Database, params, testing};

fn event(detail: &str) -> AuditEvent {
    let mut event = AuditEvent::new(Clock::System.now(), Action::Call, AuditResult::Ok);
    event.service_id = Some("coda".to_owned());
    event.detail = Some(detail.to_owned());
    event
}

async fn filled(database: &Database, records: u32) {
    let (log, writer) = AuditLog::new(database.clone(), Random::system());
    let writer = tokio::spawn(writer);
    for number in 1..records {
        log.record(event(&number.to_string()));
    }
    log.record_durably(event("last")).await.expect("the log can be written");
    drop(log);
    writer.await.expect("the writer ends with its last handle");
}

#[tokio::test]
async fn records_are_kept_in_order_and_verify() {
    for fresh in testing::databases(&Clock::System).await {
        filled(&fresh.database, 40).await;
        let report = verify(&fresh.database).await.expect("verified");
        assert_eq!((report.good, report.first_bad), (40, None));
        let records = list(&fresh.database, &AuditFilter { limit: 2, ..AuditFilter::default() }).await.expect("listed");
        assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), [40, 39]);
        assert_eq!(records[0].detail.as_deref(), Some("last"));
        let none = AuditFilter { limit: 9, action: Some("login".to_owned()), ..AuditFilter::default() };
        assert!(list(&fresh.database, &none).await.expect("listed").is_empty());
    }
}

#[tokio::test]
async fn the_first_bad_record_is_named() {
    let changes: [(&'static str, i64, Fault); 8] = [
        ("UPDATE audit_log SET detail = 'else' WHERE seq = 7", 7, Fault::Altered),
        ("UPDATE audit_log SET service_id = NULL WHERE seq = 1", 1, Fault::Altered),
        ("DELETE FROM audit_log WHERE seq = 5", 5, Fault::Missing),
        ("UPDATE audit_log SET prev_hash = hash WHERE seq = 9", 9, Fault::Misplaced),
        ("UPDATE audit_log SET seq = seq + 100 WHERE seq = 12", 12, Fault::Missing),
        ("DELETE FROM audit_log WHERE seq >= 11", 11, Fault::Missing),
        ("DELETE FROM audit_head", 12, Fault::BeyondEnd),
        ("UPDATE audit_head SET hash = (SELECT prev_hash FROM audit_log WHERE seq = 12)", 12, Fault::BeyondEnd),
    ];
    for (sql, seq, fault) in changes {
        for fresh in testing::databases(&Clock::System).await {
            filled(&fresh.database, 12).await;
            fresh.database.execute(sql, params![]).await.expect("changed by other hands");
            let bad = verify(&fresh.database).await.expect("verified").first_bad.expect("found");
            assert_eq!((bad.seq, bad.fault), (seq, fault), "{sql}");
        }
    }
}

#[tokio::test]
async fn two_writers_keep_one_chain() {
    for fresh in testing::databases(&Clock::System).await {
        let other = fresh.open_again(Clock::System).await;
        tokio::join!(filled(&fresh.database, 200), filled(&other, 200));
        let report = verify(&fresh.database).await.expect("verified");
        assert_eq!((report.good, report.first_bad), (400, None));
    }
}

#[tokio::test]
async fn two_records_that_changed_places_are_found() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        filled(db, 12).await;
        for sql in [
            "UPDATE audit_log SET seq = -4 WHERE seq = 4",
            "UPDATE audit_log SET seq = 4 WHERE seq = 8",
            "UPDATE audit_log SET seq = 8 WHERE seq = -4",
        ] {
            db.execute(sql, params![]).await.expect("changed by other hands");
        }
        let bad = verify(db).await.expect("verified").first_bad.expect("found");
        assert_eq!((bad.seq, bad.fault), (4, Fault::Misplaced));
    }
}

#[tokio::test]
async fn a_text_that_cannot_be_stored_keeps_nothing_from_the_log() {
    for fresh in testing::databases(&Clock::System).await {
        let (log, writer) = AuditLog::new(fresh.database.clone(), Random::system());
        let writer = tokio::spawn(writer);
        let mut odd = event("odd");
        odd.client_id = Some("a\0b".to_owned());
        log.record(event("before"));
        log.record(odd);
        log.record_durably(event("after")).await.expect("the log can be written");
        drop(log);
        writer.await.expect("the writer ends with its last handle");
        let records = list(&fresh.database, &AuditFilter { limit: 9, ..AuditFilter::default() }).await.expect("listed");
        let details: Vec<_> = records.iter().rev().filter_map(|record| record.detail.as_deref()).collect();
        assert_eq!(details, ["before", "odd", "after"]);
        assert_eq!(records[1].client_id.as_deref(), Some("a\u{FFFD}b"));
        assert_eq!(verify(&fresh.database).await.expect("verified").first_bad, None);
    }
}

#[tokio::test]
async fn what_nobody_waits_for_is_written_when_the_database_is_back() {
    for fresh in testing::databases(&Clock::System).await {
        let (away, back) =
            ("ALTER TABLE audit_head RENAME TO audit_head_away", "ALTER TABLE audit_head_away RENAME TO audit_head");
        fresh.database.execute(away, params![]).await.expect("taken away");
        let (log, writer) = AuditLog::new(fresh.database.clone(), Random::system());
        let writer = tokio::spawn(writer);
        log.record(event("kept"));
        let refused = log.record_durably(event("refused")).await;
        assert_eq!(refused, Err(AuditUnavailable), "told at once, and not after the pauses");
        assert_eq!(log.record_durably(event("refused")).await, Err(AuditUnavailable));
        fresh.database.execute(back, params![]).await.expect("brought back");
        log.record_durably(event("later")).await.expect("the log can be written again");
        assert_eq!(log.dropped(), 0);
        drop(log);
        writer.await.expect("the writer ends with its last handle");
        let records = list(&fresh.database, &AuditFilter { limit: 9, ..AuditFilter::default() }).await.expect("listed");
        let details: Vec<_> = records.iter().rev().filter_map(|record| record.detail.as_deref()).collect();
        assert_eq!(details, ["kept", "later"], "what was refused is not recorded as if it had been done");
        assert_eq!(verify(&fresh.database).await.expect("verified").first_bad, None);
    }
}

/// Puts an act into a table of its own, and its record beside it.
async fn act(log: &AuditLog, database: &Database, name: &str) -> Result<(), keyward_storage::StorageError> {
    let mut tx = database.begin("act").await?;
    tx.execute("INSERT INTO changes (topic, counter) VALUES ($1, 1)", params![name]).await?;
    log.commit(tx, [event(name)]).await
}

async fn acts(database: &Database) -> Vec<String> {
    let rows = database.query("SELECT topic FROM changes ORDER BY topic", params![]).await.expect("read");
    rows.iter().map(|row| row.get(0).expect("a text")).collect()
}

#[tokio::test]
async fn an_act_stands_or_falls_with_its_record() {
    let spoils = [
        ("ALTER TABLE audit_log RENAME TO audit_log_away", "ALTER TABLE audit_log_away RENAME TO audit_log"),
        ("ALTER TABLE audit_head RENAME TO audit_head_away", "ALTER TABLE audit_head_away RENAME TO audit_head"),
        (
            "INSERT INTO audit_log SELECT 2, '00000000-0000-0000-0000-000000000000', service_id, action, user_email, \
          token_key, result, created_at, client_id, request_id, detail, prev_hash, hash FROM audit_log WHERE seq = 1",
            "DELETE FROM audit_log WHERE seq = 2",
        ),
    ];
    for (spoil, mend) in spoils {
        for fresh in testing::databases(&Clock::System).await {
            let db = &fresh.database;
            let (log, writer) = AuditLog::new(db.clone(), Random::system());
            let writer = tokio::spawn(writer);
            let log = log.required(true);
            act(&log, db, "a").await.expect("both can be written");
            db.execute(spoil, params![]).await.expect("spoiled");
            act(&log, db, "b").await.expect_err("the record cannot be written");
            assert_eq!(acts(db).await, ["a"], "{spoil}");
            db.execute(mend, params![]).await.expect("mended");
            act(&log, db, "c").await.expect("both can be written again");
            assert_eq!(acts(db).await, ["a", "c"]);
            let report = verify(db).await.expect("verified");
            assert_eq!((report.good, report.first_bad), (2, None));
            drop(log);
            writer.await.expect("the writer ends with its last handle");
        }
    }
}

#[tokio::test]
async fn where_records_are_not_required_the_act_goes_on_and_its_record_follows() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        let (log, writer) = AuditLog::new(db.clone(), Random::system());
        let writer = tokio::spawn(writer);
        db.execute("ALTER TABLE audit_head RENAME TO audit_head_away", params![]).await.expect("taken away");
        act(&log, db, "a").await.expect("done all the same");
        db.execute("ALTER TABLE audit_head_away RENAME TO audit_head", params![]).await.expect("brought back");
        log.record_durably(event("later")).await.expect("the log can be written again");
        drop(log);
        writer.await.expect("the writer ends with its last handle");
        assert_eq!(acts(db).await, ["a"]);
        assert_eq!(verify(db).await.expect("verified").good, 2);
    }
}

#[tokio::test]
async fn what_cannot_be_written_at_the_end_is_taken_in_at_the_next_start() {
    for fresh in testing::databases(&Clock::System).await {
        let (db, folder) = (&fresh.database, tempfile::tempdir().expect("a folder"));
        let start = || {
            let (log, writer) = AuditLog::with_spill(db.clone(), Random::system(), Some(folder.path().to_path_buf()));
            (log, tokio::spawn(writer))
        };
        db.execute("ALTER TABLE audit_head RENAME TO audit_head_away", params![]).await.expect("taken away");
        let (log, writer) = start();
        log.record(event("{\"number\":1}"));
        log.record(event("{\"number\":2}"));
        log.close().await;
        drop(log);
        writer.await.expect("the writer ends with its last handle");
        let files: Vec<_> = std::fs::read_dir(&folder).expect("listed").collect();
        assert_eq!(files.len(), 1, "in a file");
        let copy = std::fs::read(files[0].as_ref().expect("a file").path()).expect("read");

        db.execute("ALTER TABLE audit_head_away RENAME TO audit_head", params![]).await.expect("brought back");
        // Killed after the records are in the log and before the file is gone, the next start finds it again.
        for again in [false, true] {
            if again {
                std::fs::write(folder.path().join("audit-spill-again.jsonl"), &copy).expect("put back");
            }
            let (log, writer) = start();
            log.close().await;
            drop(log);
            writer.await.expect("the writer ends with its last handle");
            assert_eq!(std::fs::read_dir(&folder).expect("listed").count(), 0);
        }
        let records = list(db, &AuditFilter { limit: 9, ..AuditFilter::default() }).await.expect("listed");
        let details: Vec<_> = records.iter().rev().filter_map(|record| record.detail.as_deref()).collect();
        assert_eq!(details, ["{\"late\":true,\"number\":1}", "{\"late\":true,\"number\":2}"]);
        assert!(verify(db).await.expect("verified").is_good());
    }
}

#[tokio::test]
async fn what_is_dropped_is_counted_in_the_log_itself() {
    const MANY: u64 = 40_000;
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        db.execute("ALTER TABLE audit_head RENAME TO audit_head_away", params![]).await.expect("taken away");
        let (log, writer) = AuditLog::new(db.clone(), Random::system());
        let writer = tokio::spawn(writer);
        for number in 0..MANY {
            log.record(event(&number.to_string()));
            if number % 1_000 == 0 {
                tokio::task::yield_now().await;
            }
        }
        log.flush().await;
        let dropped = log.dropped();
        assert!(dropped > 0, "the queue is bounded");
        db.execute("ALTER TABLE audit_head_away RENAME TO audit_head", params![]).await.expect("brought back");
        log.record_durably(event("later")).await.expect("the log can be written again");
        drop(log);
        writer.await.expect("the writer ends with its last handle");
        let rows = db.query("SELECT detail FROM audit_log WHERE action = 'audit.lost'", params![]).await.expect("read");
        let counts: u64 = rows
            .iter()
            .map(|row| serde_json::from_str::<serde_json::Value>(&row.get::<String>(0).expect("text")).expect("JSON"))
            .map(|detail| detail["count"].as_u64().expect("a number"))
            .sum();
        assert_eq!(counts, dropped);
        let report = verify(db).await.expect("verified");
        assert_eq!((report.good, report.first_bad), (MANY - dropped + 1 + rows.len() as u64, None));
    }
}
