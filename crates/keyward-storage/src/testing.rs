//! Fresh databases of both kinds for tests, of this room and of those that use it.
//!
//! The PostgreSQL half needs `KEYWARD_TEST_POSTGRES`, the URL of a superuser of a server that may be scribbled on; the
//! test command starts one and sets it.

use keyward_core::clock::Clock;
use tempfile::TempDir;

use crate::database::{Database, StorageConfig};
use crate::params;

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
