//! Moving the schema up, by several processes at once, and from a newer one not at all.

use std::collections::{BTreeMap, BTreeSet};

use keyward_core::clock::Clock;
use keyward_storage::{Database, NEWEST, StorageError, backup, params, testing};

async fn applied(db: &Database) -> Vec<i64> {
    let rows = db.query("SELECT version FROM schema_migrations ORDER BY version", params![]).await.expect("asked");
    rows.iter().map(|row| row.get(0).expect("a version")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_migrate_at_once() {
    for fresh in [testing::sqlite(Clock::System).await, testing::postgres(Clock::System).await] {
        let mut processes = Vec::new();
        for _ in 0..4 {
            let other = fresh.open_again(Clock::System).await;
            processes.push(tokio::spawn(async move { other.migrate().await }));
        }
        let mut did = 0;
        for process in processes {
            let report = process.await.expect("ran").expect("migrated");
            assert_eq!(report.to, NEWEST);
            did += report.applied.len();
        }
        assert_eq!(did as i64, NEWEST, "each migration ran once");
        assert_eq!(applied(&fresh.database).await, (1..=NEWEST).collect::<Vec<_>>());
        let again = fresh.database.migrate().await.expect("migrated");
        assert_eq!((again.from, again.to, again.applied.len()), (NEWEST, NEWEST, 0));
        assert_eq!(fresh.database.schema_version().await.expect("a version"), NEWEST);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    for fresh in testing::databases(&Clock::System).await {
        let sql = "INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, 'of the future', $2)";
        let values = params![NEWEST + 1, Clock::System.now()];
        fresh.database.execute(sql, values).await.expect("a newer Keyward was here");
        let before = applied(&fresh.database).await;
        let refused = fresh.open_again(Clock::System).await.migrate().await.expect_err("refused");
        assert!(matches!(refused, StorageError::Newer { found, known } if found == NEWEST + 1 && known == NEWEST));
        assert!(refused.to_string().contains("newer Keyward"));
        assert_eq!(applied(&fresh.database).await, before);
    }
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let mut columns = Vec::new();
    for (fresh, sql) in testing::databases(&Clock::System).await.iter().zip([
        "SELECT m.name, p.name, p.\"notnull\" FROM sqlite_schema m, pragma_table_info(m.name) p \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND p.pk = 0",
        "SELECT c.table_name::text, c.column_name::text, c.is_nullable = 'NO' FROM information_schema.columns c \
         WHERE c.table_schema = 'public' AND NOT EXISTS (SELECT 1 FROM information_schema.key_column_usage k \
         JOIN information_schema.table_constraints t ON t.constraint_name = k.constraint_name \
         WHERE t.constraint_type = 'PRIMARY KEY' AND k.table_name = c.table_name AND k.column_name = c.column_name)",
    ]) {
        let rows = fresh.database.query(sql, params![]).await.expect("asked");
        let read = |row: &keyward_storage::Row| -> Result<(String, String, bool), StorageError> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        };
        columns.push(rows.iter().map(read).collect::<Result<BTreeSet<_>, _>>().expect("columns"));
    }
    assert!(columns[0].len() > 100);
    assert_eq!(columns[0], columns[1]);
}

/// The rows of a backup, each as its table and its columns by name.
async fn rows(db: &Database) -> Vec<(String, BTreeMap<String, serde_json::Value>)> {
    let mut bytes = Vec::new();
    backup::create(db, &mut bytes, |_| {}).await.expect("a backup");
    let (mut table, mut columns, mut rows) = (String::new(), Vec::new(), Vec::new());
    for line in std::str::from_utf8(&bytes).expect("text").lines() {
        match serde_json::from_str(line).expect("JSON") {
            serde_json::Value::Array(row) => rows.push((table.clone(), columns.iter().cloned().zip(row).collect())),
            section if section["table"].is_string() => {
                table = section["table"].as_str().expect("a name").to_owned();
                let names = section["columns"].as_array().expect("columns").iter();
                columns = names.map(|column| column[0].as_str().expect("a name").to_owned()).collect();
            }
            _ => {}
        }
    }
    rows
}

#[tokio::test]
async fn every_earlier_version_moves_up_without_losing_a_row() {
    for version in 1..NEWEST {
        for fresh in [testing::sqlite(Clock::System).await, testing::postgres(Clock::System).await] {
            let db = &fresh.database;
            testing::migrate_to(db, version).await;
            testing::fill(db, version).await;
            let before = rows(db).await;
            let report = db.migrate().await.expect("migrated");
            assert_eq!((report.from, report.to), (version, NEWEST));
            assert_eq!(applied(db).await, (1..=NEWEST).collect::<Vec<_>>());
            let after = rows(db).await;
            for (table, old) in &before {
                let kept = |(name, new): &(String, BTreeMap<_, _>)| {
                    name == table && old.iter().all(|(column, value)| new.get(column) == Some(value))
                };
                assert!(after.iter().any(kept), "a row of {table} is not as it was in version {version}: {old:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_end_of_the_audit_log_is_written_down_where_it_was_not() {
    for fresh in [testing::sqlite(Clock::System).await, testing::postgres(Clock::System).await] {
        let db = &fresh.database;
        testing::migrate_to(db, 1).await;
        for seq in 1..=3_i64 {
            let sql = "INSERT INTO audit_log (seq, id, action, result, created_at, prev_hash, hash) \
                       VALUES ($1, $2, 'call', 'ok', $3, $4, $5)";
            let id = uuid::Uuid::from_u128(seq.unsigned_abs().into());
            db.execute(sql, params![seq, id, Clock::System.now(), vec![7_u8; 32], vec![8_u8; 32]])
                .await
                .expect("a record");
        }
        db.migrate().await.expect("migrated");
        let row = db.query_opt("SELECT seq, hash FROM audit_head", params![]).await.expect("asked").expect("a row");
        assert_eq!((row.get(0).ok(), row.get(1).ok()), (Some(3_i64), Some(vec![8_u8; 32])));
    }
}
