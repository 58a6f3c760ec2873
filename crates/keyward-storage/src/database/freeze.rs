//! Freezing: a database that has moved elsewhere takes no more writes, from whichever process, and can still be read. Its
//! own triggers refuse them, so that a Keyward of any version is bound by it.

use super::{Database, Kind, Table, tables};
use crate::error::{FROZEN_STATE, FROZEN_TEXT, StorageError};
use crate::migrate;
use crate::params;

/// How often it is tried where others hold the tables for long, or a deadlock was lost to them.
const TRIES: usize = 5;

impl Database {
    /// Lets what is being written end, then refuses all writes until [`unfreeze`](Self::unfreeze).
    pub async fn freeze(&self) -> Result<(), StorageError> {
        self.turn(true).await
    }

    /// Takes writes again.
    pub async fn unfreeze(&self) -> Result<(), StorageError> {
        self.turn(false).await
    }

    /// Whether it takes no writes.
    pub async fn is_frozen(&self) -> Result<bool, StorageError> {
        let sql = match self.kind() {
            Kind::Sqlite => {
                "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'keyward\\_frozen\\_%' ESCAPE '\\' LIMIT 1"
            }
            Kind::Postgres => {
                "SELECT tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
                 WHERE tgname = 'keyward_frozen' AND c.relnamespace = current_schema()::regnamespace LIMIT 1"
            }
        };
        Ok(self.query_opt(sql, params![]).await?.is_some())
    }

    async fn turn(&self, freeze: bool) -> Result<(), StorageError> {
        let mut tries = 1;
        loop {
            match self.try_to_turn(freeze).await {
                Err(StorageError::Busy) if tries < TRIES => tries += 1,
                done => return done,
            }
        }
    }

    async fn try_to_turn(&self, freeze: bool) -> Result<(), StorageError> {
        let tables = tables(migrate::version(self).await?)?;
        let mut transaction = self.begin(if freeze { "freeze" } else { "unfreeze" }).await?;
        transaction.lock("keyward migrate").await?;
        let sql = match (self.kind(), freeze) {
            (Kind::Sqlite, true) => tables.iter().map(sqlite_triggers).collect(),
            (Kind::Sqlite, false) => tables.iter().map(no_sqlite_triggers).collect(),
            (Kind::Postgres, true) => freeze_postgres(&tables),
            (Kind::Postgres, false) => unfreeze_postgres(&tables),
        };
        transaction.batch(&sql).await?;
        transaction.commit().await
    }
}

const EVENTS: [&str; 3] = ["INSERT", "UPDATE", "DELETE"];

fn sqlite_trigger(table: &Table, event: &str) -> String {
    format!("\"keyward_frozen_{}_{}\"", event.to_lowercase(), table.name)
}

fn sqlite_triggers(table: &Table) -> String {
    let one = |event: &str| {
        format!(
            "CREATE TRIGGER IF NOT EXISTS {} BEFORE {event} ON {} BEGIN SELECT RAISE(ABORT, '{FROZEN_TEXT}'); END;\n",
            sqlite_trigger(table, event),
            table.quoted()
        )
    };
    EVENTS.into_iter().map(one).collect()
}

fn no_sqlite_triggers(table: &Table) -> String {
    EVENTS.into_iter().map(|event| format!("DROP TRIGGER IF EXISTS {};\n", sqlite_trigger(table, event))).collect()
}

/// Waits for those who write, and keeps others from beginning.
fn freeze_postgres(tables: &[Table]) -> String {
    let mut sql = format!(
        "CREATE OR REPLACE FUNCTION keyward_frozen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION '{FROZEN_TEXT}' USING ERRCODE = '{FROZEN_STATE}'; END $$;\n"
    );
    for table in tables {
        sql += &format!(
            "DROP TRIGGER IF EXISTS keyward_frozen ON {table};\nCREATE TRIGGER keyward_frozen BEFORE INSERT OR UPDATE OR \
             DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION keyward_frozen();\n",
            table = table.quoted()
        );
    }
    sql
}

fn unfreeze_postgres(tables: &[Table]) -> String {
    let drop = |table: &Table| format!("DROP TRIGGER IF EXISTS keyward_frozen ON {};\n", table.quoted());
    tables.iter().map(drop).collect::<String>() + "DROP FUNCTION IF EXISTS keyward_frozen();\n"
}
