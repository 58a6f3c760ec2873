//! Fresh databases of both kinds for tests, of this room and of those that use it.
//!
//! The PostgreSQL half needs `KEYWARD_TEST_POSTGRES`, the URL of a superuser of a server that may be scribbled on; the
//! test command starts one and sets it.

use keyward_core::clock::Clock;
use tempfile::TempDir;

use crate::database::{Class, Database, StorageConfig};
use crate::params;
use crate::value::Value;

/// A database of one test.
#[derive(Debug)]
pub struct Fresh {
    /// Open and migrated.
    pub database: Database,
    /// What `storage.url` would name it by, to open it a second time.
    pub url: String,
    _directory: Option<TempDir>,
}

impl Fresh {
    /// Another handle, as another process would have it.
    pub async fn open_again(&self, clock: Clock) -> Database {
        open(&self.url, clock).await
    }
}

/// One fresh, migrated database of each kind.
pub async fn databases(clock: &Clock) -> Vec<Fresh> {
    let fresh = vec![sqlite(clock.clone()).await, postgres(clock.clone()).await];
    for Fresh { database, .. } in &fresh {
        database.migrate().await.expect("a fresh database can be migrated");
    }
    fresh
}

/// Brings the schema up to an earlier version than the newest, as an older Keyward left it.
pub async fn migrate_to(database: &Database, version: i64) {
    crate::migrate::up(database, version).await.expect("a fresh database can be migrated");
}

/// Puts a row into every table of the schema's `version` that has none, whatever its columns are.
pub async fn fill(database: &Database, version: i64) {
    let tables = crate::database::tables(version).expect("the tables of the version");
    let mut transaction = database.begin("fill").await.expect("begun");
    for table in tables {
        if transaction.is_empty(&table).await.expect("asked") {
            let row = table.columns.iter().map(|(name, class)| sample(&table.name, name, *class)).collect();
            transaction.load(&table, vec![row]).await.expect("a row that every table takes");
        }
    }
    transaction.commit().await.expect("filled");
}

/// A value for a column, by its name and class. Rows refer to each other, since all ids are the same.
fn sample(table: &str, column: &str, class: Class) -> Value {
    let id = "0190a3e0-0000-7000-8000-000000000001";
    match (table, column) {
        ("clients", "kind") => return "static".into(),
        ("signing_keys" | "data_keys" | "upstream_grants", "state") => return "active".into(),
        _ => {}
    }
    match class {
        Class::Integer => Value::Int(1),
        Class::Bytes => Value::Bytes([0, 255, 7, 10].repeat(8)),
        Class::Text if column == "id" || column.ends_with("_id") && !TEXT_IDS.contains(&column) => id.into(),
        Class::Text if column == "used_by" => id.into(),
        Class::Text if ["_at", "_until", "_time", "_after", "_activity"].iter().any(|end| column.ends_with(end)) => {
            "2026-01-02T03:04:05.678901Z".into()
        }
        Class::Text => "text \u{e9}\u{1f511} \" \\ \n end".into(),
    }
}

/// Columns whose names end like those of UUIDs and that are texts.
const TEXT_IDS: [&str; 4] = ["client_id", "service_id", "key_id", "successor_key_id"];

/// A fresh SQLite database without tables.
pub async fn sqlite(clock: Clock) -> Fresh {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = format!("sqlite:{}", directory.path().join("keyward.db").display());
    Fresh { database: open(&url, clock).await, url, _directory: Some(directory) }
}

/// A fresh PostgreSQL database without tables.
pub async fn postgres(clock: Clock) -> Fresh {
    let server = std::env::var("KEYWARD_TEST_POSTGRES").expect(
        "KEYWARD_TEST_POSTGRES is not set: run the tests as `cargo xtask test`, or set it to a superuser's URL of a \
         PostgreSQL server that may be scribbled on",
    );
    let name = format!("keyward_test_{}", uuid::Uuid::new_v4().simple());
    let maintenance = open(&server, clock.clone()).await;
    let sql: &'static str = Box::leak(format!("CREATE DATABASE {name}").into_boxed_str());
    maintenance.execute(sql, params![]).await.expect("the superuser may create databases");
    let (start, _) = server.rsplit_once('/').expect("the URL names a database");
    let url = format!("{start}/{name}");
    Fresh { database: open(&url, clock).await, url, _directory: None }
}

async fn open(url: &str, clock: Clock) -> Database {
    let config = StorageConfig { url: url.to_owned(), max_connections: 8 };
    Database::open(&config, clock).await.expect("the test database can be opened")
}
