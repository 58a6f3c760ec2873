//! The audit chain on both databases.

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_storage::audit::{AuditFilter, AuditLog, Fault, list, verify};
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
    let changes: [(&'static str, i64, Fault); 4] = [
        ("UPDATE audit_log SET detail = 'else' WHERE seq = 7", 7, Fault::Altered),
        ("UPDATE audit_log SET service_id = NULL WHERE seq = 1", 1, Fault::Altered),
        ("DELETE FROM audit_log WHERE seq = 5", 5, Fault::Missing),
        ("UPDATE audit_log SET prev_hash = hash WHERE seq = 9", 9, Fault::Misplaced),
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
