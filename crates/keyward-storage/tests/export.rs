//! Exports on both databases: what they hold, and that they prove themselves offline.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_storage::audit::{
    AuditFilter, AuditLog, AuditRecord, Checkpoint, Fault, ReadError, Signer, Trust, VerifyReport, export,
    make_checkpoint, verify_export,
};
use keyward_storage::{Database, testing};

fn signer() -> Signer {
    let pair = Ed25519KeyPair::generate().expect("a key");
    let public = pair.public_key().as_ref().try_into().expect("32 bytes");
    Signer::new(public, move |message| pair.sign(message).as_ref().try_into().expect("64 bytes"))
}

/// 2,500 records, a few of them logins, and a checkpoint.
async fn filled(database: &Database, signer: &Signer) -> Checkpoint {
    let (log, writer) = AuditLog::new(database.clone(), Random::system());
    let writer = tokio::spawn(writer);
    for number in 0..2_500 {
        let action = if number % 100 == 0 { Action::Login } else { Action::Call };
        let mut event = AuditEvent::new(database.clock().now(), action, AuditResult::Ok);
        event.detail = Some(format!("{{ \"number\": {number}, \"text\": \"ä\u{2028}\" }}"));
        event.client_id = Some("=cmd".to_owned());
        log.record(event);
    }
    drop(log);
    writer.await.expect("the writer ends with its last handle");
    make_checkpoint(database, &Random::system(), signer).await.expect("signed").expect("the first")
}

async fn exported(database: &Database, filter: AuditFilter) -> Vec<u8> {
    let mut text = Vec::new();
    export(database, &filter, None, |record| record.write_json(&mut text)).await.expect("exported");
    text
}

fn verified(text: &[u8], trust: &Trust) -> VerifyReport {
    verify_export(text, trust, |_| {}).expect("read")
}

fn line(text: &[u8], seq: usize) -> String {
    let line = text.split(|byte| *byte == b'\n').nth(seq - 1).expect("a line");
    String::from_utf8(line.to_vec()).expect("text")
}

#[tokio::test]
async fn an_export_proves_itself_without_the_database() {
    for fresh in testing::databases(&Clock::System).await {
        let (db, signer) = (&fresh.database, signer());
        let kept = filled(db, &signer).await;
        let trust = Trust::new(vec![signer.public_key()], vec![kept.clone()]).expect("good");
        let text = exported(db, AuditFilter::default()).await;
        let report = verified(&text, &trust);
        assert!(report.is_good(), "{report:?}");
        assert_eq!((report.start, report.good, report.checkpoints, report.signed_up_to), (0, 2_500, 1, 2_500));

        let text = String::from_utf8(text).expect("text");
        let bad = |changed: &str| verified(changed.as_bytes(), &trust).first_bad.map(|bad| (bad.seq, bad.fault));
        let (seventh, eighth) = (line(text.as_bytes(), 7), line(text.as_bytes(), 8));
        assert_eq!(bad(&text.replace("\\\"number\\\": 6,", "\\\"number\\\": 5,")), Some((7, Fault::Altered)));
        assert_eq!(bad(&text.replace(&format!("{seventh}\n"), "")), Some((7, Fault::Missing)));
        let swapped = text.replace(&format!("{seventh}\n{eighth}\n"), &format!("{eighth}\n{seventh}\n"));
        assert_eq!(bad(&swapped), Some((7, Fault::Missing)));
        let cut = text.lines().take(2_000).map(|line| format!("{line}\n")).collect::<String>();
        assert_eq!(bad(&cut), Some((2_001, Fault::Missing)), "the checkpoint covers more");
        assert!(verified(cut.as_bytes(), &Trust::default()).is_good(), "and nothing else tells");
        let middle = text.lines().skip(99).map(|line| format!("{line}\n")).collect::<String>();
        let report = verified(middle.as_bytes(), &trust);
        assert_eq!((report.start, report.good, report.is_good()), (99, 2_401, true));
    }
}

#[tokio::test]
async fn another_log_is_not_what_was_signed() {
    for fresh in testing::databases(&Clock::System).await {
        let (db, signer) = (&fresh.database, signer());
        let kept = filled(db, &signer).await;
        let other = testing::sqlite(Clock::System).await.database;
        other.migrate().await.expect("migrated");
        filled(&other, &signer).await;
        let trust = Trust::new(vec![signer.public_key()], vec![kept]).expect("good");
        let report = verified(&exported(&other, AuditFilter::default()).await, &trust);
        assert_eq!(report.first_bad.map(|bad| bad.fault), Some(Fault::Rewritten { checkpoint: 1 }));
    }
}

#[tokio::test]
async fn filters_let_through_what_they_say() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        filled(db, &signer()).await;
        let logins = AuditFilter { action: Some("login".to_owned()), ..AuditFilter::default() };
        let text = exported(db, logins).await;
        let records: Vec<_> = text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| AuditRecord::parse_json(line).expect("a record"))
            .collect();
        assert_eq!(records.len(), 25);
        assert!(records.iter().all(|record| record.action == "login"));
        let first = records[0].created_at;
        let none = export(db, &AuditFilter::default(), Some(first), |_| Ok(())).await.expect("exported");
        assert_eq!(none, 0, "nothing is older than the first");
        let mut csv = Vec::new();
        export(db, &AuditFilter::default(), None, |record| record.write_csv(&mut csv)).await.expect("exported");
        let csv = String::from_utf8(csv).expect("text");
        assert_eq!(csv.matches("\r\n").count(), 2_500);
        assert!(csv.contains(",\"'=cmd\",") && !csv.contains(",=cmd,"));
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_export() {
    for fresh in testing::databases(&Clock::System).await {
        filled(&fresh.database, &signer()).await;
        let mut taken = 0;
        let take = |_: &AuditRecord| {
            taken += 1;
            if taken > 10 { Err(std::io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
        };
        assert!(export(&fresh.database, &AuditFilter::default(), None, take).await.is_err());
        assert_eq!(taken, 11);
    }
}

#[test]
fn what_is_no_export_is_said() {
    let read = |text: &[u8]| verify_export(text, &Trust::default(), |_| {}).expect_err("refused");
    assert!(matches!(read(b""), ReadError::Empty));
    assert!(matches!(read(b"seq,id\r\n1,2\r\n"), ReadError::Line { line: 1, .. }));
    assert!(matches!(read(&vec![b'x'; 17 << 20]), ReadError::TooLong(1)));
}
