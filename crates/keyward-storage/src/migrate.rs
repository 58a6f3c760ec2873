//! The schema and its versions.

use crate::database::{Database, Kind};
use crate::error::StorageError;
use crate::params;
use crate::transaction::Transaction;

struct Migration {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "first tables",
        sqlite: include_str!("../migrations/sqlite/0001_first_tables.sql"),
        postgres: include_str!("../migrations/postgres/0001_first_tables.sql"),
    },
    Migration {
        version: 2,
        name: "audit head",
        sqlite: include_str!("../migrations/sqlite/0002_audit_head.sql"),
        postgres: include_str!("../migrations/postgres/0002_audit_head.sql"),
    },
    Migration {
        version: 3,
        name: "audit checkpoints",
        sqlite: include_str!("../migrations/sqlite/0003_audit_checkpoints.sql"),
        postgres: include_str!("../migrations/postgres/0003_audit_checkpoints.sql"),
    },
    Migration {
        version: 4,
        name: "upstream grants",
        sqlite: include_str!("../migrations/sqlite/0004_upstream_grants.sql"),
        postgres: include_str!("../migrations/postgres/0004_upstream_grants.sql"),
    },
    Migration {
        version: 5,
        name: "token upkeep",
        sqlite: include_str!("../migrations/sqlite/0005_token_upkeep.sql"),
        postgres: include_str!("../migrations/postgres/0005_token_upkeep.sql"),
    },
    Migration {
        version: 6,
        name: "key rotation",
        sqlite: include_str!("../migrations/sqlite/0006_key_rotation.sql"),
        postgres: include_str!("../migrations/postgres/0006_key_rotation.sql"),
    },
    Migration {
        version: 7,
        name: "identities",
        sqlite: include_str!("../migrations/sqlite/0007_identities.sql"),
        postgres: include_str!("../migrations/postgres/0007_identities.sql"),
    },
    Migration {
        version: 8,
        name: "fresh logins",
        sqlite: include_str!("../migrations/sqlite/0008_fresh_logins.sql"),
        postgres: include_str!("../migrations/postgres/0008_fresh_logins.sql"),
    },
];

/// The schema version that this Keyward works with.
pub const NEWEST: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// What [`Database::migrate`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationReport {
    /// The version it found.
    pub from: i64,
    /// The version that is there now.
    pub to: i64,
    /// The names of the migrations that it ran.
    pub applied: Vec<&'static str>,
}

/// The schema's version; 0 for an empty database.
pub(crate) async fn version(database: &Database) -> Result<i64, StorageError> {
    let there = match database.kind() {
        Kind::Sqlite => "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'",
        Kind::Postgres => "SELECT (to_regclass('schema_migrations') IS NOT NULL)::int::bigint",
    };
    let there: i64 = database.query_opt(there, params![]).await?.map_or(Ok(0), |row| row.get(0))?;
    if there == 0 { Ok(0) } else { read(database.query(VERSION, params![]).await?) }
}

const VERSION: &str = "SELECT coalesce(max(version), 0) FROM schema_migrations";

fn read(rows: Vec<crate::row::Row>) -> Result<i64, StorageError> {
    rows.first().map_or(Ok(0), |row| row.get(0))
}

/// Runs what is missing up to `target` in one transaction, so a kill leaves the old schema whole.
pub(crate) async fn up(database: &Database, target: i64) -> Result<MigrationReport, StorageError> {
    let found = version(database).await?;
    if found > NEWEST {
        return Err(StorageError::Newer { found, known: NEWEST });
    }
    if found >= target {
        return Ok(MigrationReport { from: found, to: found, applied: Vec::new() });
    }
    let mut transaction = database.begin("migrate").await?;
    let from = prepare(&mut transaction, database.kind()).await?;
    let applied = apply(&mut transaction, database, from, target).await?;
    transaction.commit().await?;
    Ok(MigrationReport { from, to: from.max(target), applied })
}

/// Runs the migrations after `from` up to `target`; gives their names.
pub(crate) async fn apply(
    transaction: &mut Transaction,
    database: &Database,
    from: i64,
    target: i64,
) -> Result<Vec<&'static str>, StorageError> {
    let mut applied = Vec::new();
    for migration in MIGRATIONS.iter().filter(|migration| (from + 1..=target).contains(&migration.version)) {
        let sql = match database.kind() {
            Kind::Sqlite => migration.sqlite,
            Kind::Postgres => migration.postgres,
        };
        transaction.batch(sql).await?;
        let values = params![migration.version, migration.name, database.clock().now()];
        transaction
            .execute("INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)", values)
            .await?;
        applied.push(migration.name);
    }
    Ok(applied)
}

/// All that makes the schema of `version` on an empty SQLite database.
pub(crate) fn sqlite_schema(version: i64) -> impl Iterator<Item = &'static str> {
    let migrations = MIGRATIONS.iter().filter(move |migration| migration.version <= version);
    std::iter::once(SQLITE_VERSIONS).chain(migrations.map(|migration| migration.sqlite))
}

const SQLITE_VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT";

/// Takes the lock, makes the table of versions, and reads the version again: another process may have been first.
pub(crate) async fn prepare(transaction: &mut Transaction, kind: Kind) -> Result<i64, StorageError> {
    transaction.lock("keyward migrate").await?;
    let table = match kind {
        Kind::Sqlite => SQLITE_VERSIONS,
        Kind::Postgres => {
            "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at TIMESTAMPTZ NOT NULL)"
        }
    };
    transaction.batch(table).await?;
    let found = read(transaction.query(VERSION, params![]).await?)?;
    if found > NEWEST { Err(StorageError::Newer { found, known: NEWEST }) } else { Ok(found) }
}
