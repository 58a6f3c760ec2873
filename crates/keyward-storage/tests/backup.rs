//! Backups of both kinds of database, restored into both kinds.

use std::collections::BTreeSet;

use keyward_core::clock::Clock;
use keyward_storage::backup::{self, BackupError, Summary};
use keyward_storage::testing::{self, Fresh};
use keyward_storage::{Database, NEWEST, StorageError, params};

async fn taken(db: &Database) -> (Vec<u8>, Summary) {
    let mut bytes = Vec::new();
    let summary = backup::create(db, &mut bytes, |_| {}).await.expect("a backup");
    (bytes, summary)
}

async fn empty_ones() -> Vec<Fresh> {
    vec![testing::sqlite(Clock::System).await, testing::postgres(Clock::System).await]
}

/// The lines of a backup in an order that does not depend on the database.
fn rows(bytes: &[u8]) -> BTreeSet<&str> {
    let text = std::str::from_utf8(bytes).expect("text");
    text.lines().filter(|line| line.starts_with('[')).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_every_table_comes_back_on_either_kind() {
    for from in testing::databases(&Clock::System).await {
        testing::fill(&from.database, NEWEST).await;
        let (bytes, summary) = taken(&from.database).await;
        assert!(summary.rows.values().all(|rows| *rows > 0), "a table without a row: {summary:?}");
        assert_eq!(backup::verify(&bytes[..]).expect("whole"), summary);
        for to in empty_ones().await {
            let restored = backup::restore(&to.database, &bytes[..], |_| {}).await.expect("restored");
            assert_eq!(restored, summary);
            assert_eq!(to.database.schema_version().await.expect("a version"), NEWEST);
            let (again, _) = taken(&to.database).await;
            assert_eq!(rows(&again), rows(&bytes));
        }
    }
}

/// A table that no migration of ours would make is found by asking each database itself.
#[tokio::test]
async fn no_table_is_forgotten() {
    for (fresh, sql) in testing::databases(&Clock::System).await.iter().zip([
        "SELECT m.name, p.name FROM sqlite_schema m, pragma_table_info(m.name) p \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'",
        "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'public'",
    ]) {
        let rows = fresh.database.query(sql, params![]).await.expect("asked");
        let columns: BTreeSet<(String, String)> =
            rows.iter().map(|row| (row.get(0).expect("a table"), row.get(1).expect("a column"))).collect();
        let (bytes, _) = taken(&fresh.database).await;
        let text = String::from_utf8(bytes).expect("text");
        let mut saved = BTreeSet::new();
        for line in text.lines().filter(|line| line.starts_with("{\"table\"")) {
            let section: serde_json::Value = serde_json::from_str(line).expect("JSON");
            for column in section["columns"].as_array().expect("columns") {
                let word = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
                saved.insert((word(&section["table"]), word(&column[0])));
            }
        }
        assert_eq!(saved, columns);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_an_older_schema_is_brought_up_to_date() {
    for version in 1..NEWEST {
        for from in empty_ones().await {
            testing::migrate_to(&from.database, version).await;
            testing::fill(&from.database, version).await;
            let (bytes, summary) = taken(&from.database).await;
            assert_eq!(summary.schema, version);
            // What goes from one kind to the other has been through both.
            for to in empty_ones().await.into_iter().filter(|to| to.database.kind() != from.database.kind()) {
                backup::restore(&to.database, &bytes[..], |_| {}).await.expect("restored");
                assert_eq!(to.database.schema_version().await.expect("a version"), NEWEST);
                let (_, again) = taken(&to.database).await;
                for (table, rows) in &summary.rows {
                    let more = if table == "schema_migrations" { (NEWEST - version).unsigned_abs() } else { 0 };
                    assert_eq!(again.rows[table], rows + more, "{table} from {version}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_holds_something_is_left_alone() {
    for fresh in testing::databases(&Clock::System).await {
        let (bytes, _) = taken(&fresh.database).await;
        // Migrated and unused is empty.
        backup::restore(&fresh.database, &bytes[..], |_| {}).await.expect("restored");
        testing::fill(&fresh.database, NEWEST).await;
        let (before, _) = taken(&fresh.database).await;
        let error = backup::restore(&fresh.database, &bytes[..], |_| {}).await.expect_err("not empty");
        assert!(matches!(&error, BackupError::NotEmpty { .. }), "{error:?}");
        assert_eq!(rows(&taken(&fresh.database).await.0), rows(&before));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_seen_and_nothing_is_changed() {
    for from in testing::databases(&Clock::System).await {
        testing::fill(&from.database, NEWEST).await;
        let (bytes, _) = taken(&from.database).await;
        let mut damaged = Vec::new();
        let end = bytes.len();
        for cut in [0, 1, 40, end / 2, end - 80, end - 1] {
            damaged.push(bytes[..cut].to_vec());
        }
        for (at, _) in bytes.iter().enumerate().step_by(211) {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            damaged.push(bad);
        }
        damaged.push([&bytes[..], b"\n"].concat());
        damaged.push([&bytes[..], &bytes[..]].concat());
        for (number, bad) in damaged.iter().enumerate() {
            let error = backup::verify(&bad[..]).expect_err("damaged");
            let told =
                matches!(error, BackupError::Damaged { .. } | BackupError::CutOff { .. } | BackupError::Newer { .. });
            assert!(told, "{number}: {error:?}");
        }
        for to in empty_ones().await {
            for bad in damaged.iter().step_by(25) {
                backup::restore(&to.database, &bad[..], |_| {}).await.expect_err("damaged");
                assert_eq!(to.database.schema_version().await.expect("a version"), 0, "nothing is there");
            }
            backup::restore(&to.database, &bytes[..], |_| {}).await.expect("nothing is in the way of the good one");
        }
    }
}

#[tokio::test]
async fn a_backup_of_a_newer_keyward_is_refused() {
    let text = format!("{{\"keyward_backup\":1,\"schema\":{},\"created_at\":\"2999-01-01T00:00:00Z\"}}\n", NEWEST + 1);
    let error = backup::verify(text.as_bytes()).expect_err("newer");
    assert!(matches!(error, BackupError::Newer { found, known } if found == NEWEST + 1 && known == NEWEST));
    assert!(error.to_string().contains("newer Keyward"));
    let text = text.replace("backup\":1", "backup\":2");
    assert!(backup::verify(text.as_bytes()).expect_err("another form").to_string().contains("does not know"));
}

/// Each writing moves a unit between two rows in one transaction, so every moment has the same sum.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_under_writes_is_of_one_moment() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        for key in 0..500_i64 {
            let sql = "INSERT INTO login_failures (key, count, last_at) VALUES ($1, 1000, $2)";
            db.execute(sql, params![format!("key {key}"), Clock::System.now()]).await.expect("a row");
        }
        let other = fresh.open_again(Clock::System).await;
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = stop.clone();
        let writer = tokio::spawn(async move {
            let mut moves = 0_i64;
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                let mut transaction = other.begin("move").await.expect("begun");
                for (key, by) in [(moves % 500, -1_i64), ((moves * 7 + 250) % 500, 1)] {
                    let sql = "UPDATE login_failures SET count = count + $2 WHERE key = $1";
                    transaction.execute(sql, params![format!("key {key}"), by]).await.expect("moved");
                }
                transaction.commit().await.expect("committed");
                moves += 1;
            }
            moves
        });
        for _ in 0..5 {
            let (bytes, _) = taken(db).await;
            let text = std::str::from_utf8(&bytes).expect("text");
            let sum: i64 = text
                .lines()
                .filter(|line| line.starts_with("[\"key "))
                .map(|line| {
                    serde_json::from_str::<Vec<serde_json::Value>>(line).expect("JSON")[1].as_i64().expect("a count")
                })
                .sum();
            assert_eq!(sum, 500 * 1000);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(writer.await.expect("ran") > 0, "nothing was written meanwhile");
    }
}

#[tokio::test]
async fn a_frozen_database_is_read_and_not_written() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        testing::fill(db, NEWEST).await;
        let before = taken(db).await.0;
        assert!(!db.is_frozen().await.expect("asked"));
        db.freeze().await.expect("frozen");
        db.freeze().await.expect("frozen already");
        assert!(db.is_frozen().await.expect("asked"));
        let other = fresh.open_again(Clock::System).await;
        for sql in [
            "INSERT INTO changes (topic, counter) VALUES ('x', 1)",
            "UPDATE users SET name = 'x'",
            "DELETE FROM audit_log",
            "DELETE FROM tokens",
        ] {
            let error = other.execute(sql, params![]).await.expect_err(sql);
            assert!(matches!(error, StorageError::Frozen), "{error:?}");
            assert!(error.to_string().contains("--unfreeze"));
        }
        assert_eq!(rows(&taken(db).await.0), rows(&before), "it can be read, and a copy of it is taken");
        for to in empty_ones().await {
            backup::restore(&to.database, &before[..], |_| {}).await.expect("restored");
            assert!(!to.database.is_frozen().await.expect("asked"), "the copy is not frozen");
        }
        db.unfreeze().await.expect("unfrozen");
        assert!(!db.is_frozen().await.expect("asked"));
        other.execute("UPDATE users SET name = 'x'", params![]).await.expect("written");
    }
}
