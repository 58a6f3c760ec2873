//! The database's configuration.

use anyhow::Context;
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::{Clock, Timestamp};
use keyward_core::random::Random;
use keyward_storage::audit;
use keyward_storage::{Database, MigrationReport, NEWEST, StorageConfig, StorageError};

use crate::config::{Loaded, StorageUrl, TextValue};

/// Opens the database as it is.
pub(crate) async fn open(loaded: &Loaded, clock: &Clock) -> anyhow::Result<Database> {
    let storage = &loaded.config.storage;
    let config = StorageConfig { url: url_of(loaded)?, max_connections: storage.max_connections.into() };
    let named = named(&config.url);
    Database::open(&config, clock.clone()).await.context(named)
}

/// Which database an error is about; of a server nothing is repeated, its URL may hold a password.
fn named(url: &str) -> String {
    url.strip_prefix("sqlite:").map_or_else(|| "[storage] url".to_owned(), |path| format!("database file {path}"))
}

/// Opens the database for a look; it must have this version's schema.
pub(crate) async fn open_prepared(loaded: &Loaded, clock: &Clock) -> anyhow::Result<Database> {
    let database = open(loaded, clock).await?;
    match database.schema_version().await? {
        NEWEST => Ok(database),
        older if older < NEWEST => {
            anyhow::bail!("the database is not prepared for this Keyward: run `keyward migrate up`")
        }
        newer => {
            anyhow::bail!("the database has schema version {newer}, this Keyward knows {NEWEST}: run the newer Keyward")
        }
    }
}

/// Opens the database and brings it to this version's schema.
pub(crate) async fn open_and_migrate(loaded: &Loaded, clock: &Clock) -> anyhow::Result<Database> {
    let database = open(loaded, clock).await?;
    migrate(&database)
        .await
        .with_context(|| url(loaded, &loaded.config.storage.url.0).map(|url| named(&url)).unwrap_or_default())?;
    Ok(database)
}

/// Brings it to this version's schema, and records that, where there was something to be brought.
pub(crate) async fn migrate(database: &Database) -> Result<MigrationReport, StorageError> {
    let report = database.migrate().await?;
    if report.from > 0 && !report.applied.is_empty() {
        let event = migrated(database.clock().now(), report.from, report.to);
        let mut transaction = database.begin("record a migration").await?;
        audit::append(&mut transaction, &Random::system(), &[event]).await?;
        transaction.commit().await?;
    }
    Ok(report)
}

/// The record of a migration.
pub(crate) fn migrated(at: Timestamp, from: i64, to: i64) -> AuditEvent {
    let detail = serde_json::json!({ "from": from, "to": to }).to_string();
    AuditEvent { detail: Some(detail), ..AuditEvent::new(at, Action::Migrate, AuditResult::Ok) }
}

/// The database's URL, from wherever the configuration says it is. It may hold a password.
pub(crate) fn url_of(loaded: &Loaded) -> anyhow::Result<String> {
    url(loaded, &loaded.config.storage.url.0)
}

fn url(loaded: &Loaded, url: &StorageUrl) -> anyhow::Result<String> {
    let held = match url {
        StorageUrl::Sqlite(path) => return Ok(format!("sqlite:{}", loaded.resolve(path).display())),
        StorageUrl::Postgres(url) => return Ok(url.clone()),
        StorageUrl::Environment(name) => {
            std::env::var(name).with_context(|| format!("[storage] url names the variable {name}, which is not set"))?
        }
        StorageUrl::File(path) => {
            let path = loaded.resolve(path);
            std::fs::read_to_string(&path)
                .with_context(|| format!("[storage] url names the file {}", path.display()))?
        }
    };
    // The text is not repeated in errors: it may hold a password.
    match StorageUrl::parse(held.trim()) {
        Ok(StorageUrl::Sqlite(path)) => Ok(format!("sqlite:{}", loaded.resolve(&path).display())),
        Ok(StorageUrl::Postgres(url)) => Ok(url),
        _ => anyhow::bail!("what {} names is no storage URL: sqlite:PATH or postgres://…", url.to_text()),
    }
}
