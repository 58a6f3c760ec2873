//! Which tables a version of the schema has, with which columns: asked of SQLite after it has run the migrations in
//! memory, so that no list is kept by hand. Names come from the migrations alone, never from a database or a backup.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params_from_iter};
use serde::{Deserialize, Serialize};

use crate::error::StorageError;
use crate::migrate;

/// A table of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<(String, Class)>,
}

/// What a column holds, in the form that both databases share: times and UUIDs are text, truth is 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Class {
    Text,
    Integer,
    Bytes,
}

impl Table {
    pub(crate) fn quoted(&self) -> String {
        quoted(&self.name)
    }

    /// A statement for all of its rows.
    pub(crate) fn select(&self) -> String {
        format!("SELECT {} FROM {}", self.column_names(), self.quoted())
    }

    /// A statement that writes a row.
    pub(crate) fn insert(&self) -> String {
        let places: Vec<String> = (1..=self.columns.len()).map(|number| format!("${number}")).collect();
        format!("INSERT INTO {} ({}) VALUES ({})", self.quoted(), self.column_names(), places.join(", "))
    }

    /// A statement that finds a row if there is one.
    pub(crate) fn any(&self) -> String {
        format!("SELECT {} FROM {} LIMIT 1", self.column_names(), self.quoted())
    }

    fn column_names(&self) -> String {
        self.columns.iter().map(|(name, _)| quoted(name)).collect::<Vec<_>>().join(", ")
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The tables of a version, each after those that its rows refer to.
pub(crate) fn tables(version: i64) -> Result<Vec<Table>, StorageError> {
    let memory = Connection::open_in_memory()?;
    for sql in migrate::sqlite_schema(version) {
        memory.execute_batch(sql)?;
    }
    let names =
        texts(&memory, "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'", &[])?;
    let mut waiting = BTreeMap::new();
    for name in names {
        let parents = texts(&memory, "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list(?1)", &[&name])?;
        let table = Table { columns: columns(&memory, &name)?, name };
        waiting.insert(table.name.clone(), (table, parents));
    }
    let (mut sorted, mut done) = (Vec::new(), BTreeSet::new());
    while !waiting.is_empty() {
        let next = waiting.iter().find(|(_, (_, parents))| parents.iter().all(|parent| done.contains(parent)));
        let Some(name) = next.map(|(name, _)| name.clone()) else {
            return Err(StorageError::Inconsistent { what: "tables that refer to each other in a circle" });
        };
        sorted.extend(waiting.remove(&name).map(|(table, _)| table));
        done.insert(name);
    }
    Ok(sorted)
}

fn columns(memory: &Connection, table: &str) -> Result<Vec<(String, Class)>, StorageError> {
    let names = texts(memory, "SELECT name FROM pragma_table_info(?1) ORDER BY cid", &[table])?;
    let types = texts(memory, "SELECT type FROM pragma_table_info(?1) ORDER BY cid", &[table])?;
    let class = |declared: &str| match declared {
        "TEXT" => Ok(Class::Text),
        "INTEGER" | "INT" => Ok(Class::Integer),
        "BLOB" => Ok(Class::Bytes),
        _ => Err(StorageError::Inconsistent { what: "a column of a type that no backup has" }),
    };
    names.into_iter().zip(types).map(|(name, declared)| Ok((name, class(&declared)?))).collect()
}

fn texts(memory: &Connection, sql: &str, params: &[&str]) -> Result<Vec<String>, StorageError> {
    let mut statement = memory.prepare(sql)?;
    let rows = statement.query_map(params_from_iter(params), |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_tables_in_an_order_that_can_be_loaded() {
        let first = tables(1).expect("the first schema");
        let at = |name: &str| first.iter().position(|table| table.name == name).expect(name);
        assert!(
            at("users") < at("grants") && at("grants") < at("refresh_tokens") && at("tokens") < at("token_versions")
        );
        assert!(!first.iter().any(|table| table.name == "audit_head"));
        let newest = tables(migrate::NEWEST).expect("the newest schema");
        assert!(newest.iter().any(|table| table.name == "audit_head"));
        let head = newest.iter().find(|table| table.name == "audit_head").expect("there");
        assert_eq!(head.insert(), r#"INSERT INTO "audit_head" ("id", "seq", "hash") VALUES ($1, $2, $3)"#);
    }
}
