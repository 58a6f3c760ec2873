//! However long the audit log is, a check of it and an export hold a page of it at a time. In a process of its own, since
//! the memory of the process is what is looked at.
#![cfg(target_os = "linux")]

use std::io::{BufReader, Write};

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_storage::audit::{AuditFilter, Trust, append, export, verify, verify_export};
use keyward_storage::{Database, testing};

const RECORDS: usize = 8_000;
/// How long the detail of each record is: 32 MB together.
const DETAIL: usize = 4_000;
/// What a page of records, in the forms that it goes through, and the allocator may take.
const ENOUGH_KB: u64 = 16 * 1_024;

fn status_kb(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a field");
    line.trim_start_matches(':').trim().split(' ').next().expect("a figure").parse().expect("a number")
}

/// The most memory that was held at once from here on is counted anew (proc(5), `clear_refs`).
fn begin() -> u64 {
    std::fs::write("/proc/self/clear_refs", "5").expect("counted anew");
    status_kb("VmRSS")
}

async fn fill(database: &Database) {
    let random = Random::system();
    for batch in 0..RECORDS / 1_000 {
        let event = |number: usize| {
            let mut event = AuditEvent::new(database.clock().now(), Action::Call, AuditResult::Ok);
            event.detail = Some(format!("{{\"number\":{number},\"more\":\"{}\"}}", "x".repeat(DETAIL)));
            event
        };
        let events: Vec<_> = (batch * 1_000..(batch + 1) * 1_000).map(event).collect();
        let mut transaction = database.begin("fill").await.expect("begun");
        append(&mut transaction, &random, &events).await.expect("appended");
        transaction.commit().await.expect("committed");
    }
}

#[tokio::test]
async fn a_long_log_is_walked_and_exported_page_by_page() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        fill(db).await;
        let before = begin();
        let report = verify(db).await.expect("verified");
        assert_eq!((report.good, report.first_bad), (RECORDS as u64, None));
        let took = status_kb("VmHWM").saturating_sub(before);
        assert!(took < ENOUGH_KB, "a check took {took} KB");

        let mut file = tempfile::tempfile().expect("a file");
        let before = begin();
        let write = |record: &keyward_storage::audit::AuditRecord| record.write_json(&mut file);
        export(db, &AuditFilter::default(), None, write).await.expect("exported");
        let took = status_kb("VmHWM").saturating_sub(before);
        assert!(took < ENOUGH_KB, "an export took {took} KB");

        file.flush().expect("written");
        std::io::Seek::rewind(&mut file).expect("from the beginning");
        let before = begin();
        let report = verify_export(BufReader::new(file), &Trust::default(), &mut |_| {}).expect("read");
        assert_eq!((report.good, report.first_bad), (RECORDS as u64, None));
        let took = status_kb("VmHWM").saturating_sub(before);
        assert!(took < ENOUGH_KB, "a check of an export took {took} KB");
    }
}
