//! Reading a backup, which may be anything: each line is believed as far as it was checked.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use serde::de::DeserializeOwned;

use super::format::{Counts, Digest, Digesting, FORMAT, Header, Section, from_json};
use super::{BackupError, Summary};
use crate::database::{Table, tables};
use crate::migrate::NEWEST;
use crate::value::Value;

/// The longest line: several times what a row of the largest values has.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Reads a whole backup and changes nothing: whether it is complete and as it was written.
pub fn verify(input: impl BufRead) -> Result<Summary, BackupError> {
    let mut reader = Reader::new(input)?;
    loop {
        if let Item::End(summary) = reader.next()? {
            return Ok(summary);
        }
    }
}

/// What comes next in a backup.
pub(super) enum Item {
    /// Rows of this table follow.
    Table(Table),
    /// A row of the table.
    Row(Vec<Value>),
    /// The end, and all was right.
    End(Summary),
}

pub(super) struct Reader<R> {
    input: R,
    digest: Digesting,
    line: u64,
    header: Header,
    /// Tables of its schema that have not come yet.
    missing: BTreeMap<String, Table>,
    current: Option<Table>,
    rows: BTreeMap<String, u64>,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    pub(super) fn new(mut input: R) -> Result<Self, BackupError> {
        let Some(first) = read_line(&mut input, 1)? else {
            return Err(BackupError::Damaged { line: 1, reason: "there is nothing in it" });
        };
        let damaged = |reason| BackupError::Damaged { line: 1, reason };
        let header: Header =
            serde_json::from_slice(&first).map_err(|_| damaged("this is not the beginning of a Keyward backup"))?;
        if header.keyward_backup != FORMAT {
            return Err(damaged("a form of backup that this Keyward does not know"));
        }
        if header.schema > NEWEST {
            return Err(BackupError::Newer { found: header.schema, known: NEWEST });
        }
        if header.schema < 1 {
            return Err(damaged("there is no such version of the schema"));
        }
        let missing = tables(header.schema)?.into_iter().map(|table| (table.name.clone(), table)).collect();
        let mut digest = Digesting::new();
        digest.update(&first);
        Ok(Self { input, digest, line: 1, header, missing, current: None, rows: BTreeMap::new() })
    }

    /// The version of its schema, which this Keyward knows.
    pub(super) fn schema(&self) -> i64 {
        self.header.schema
    }

    /// Reads on. After the end there is nothing.
    pub(super) fn next(&mut self) -> Result<Item, BackupError> {
        let line = self.read()?;
        if line.first() == Some(&b'[') {
            return self.row(&line).map(Item::Row);
        }
        if let Ok(section) = serde_json::from_slice::<Section>(&line) {
            return self.table(section).map(Item::Table);
        }
        let counts: Counts = self.parse(&line, "neither a row, nor a table, nor the end")?;
        self.end(counts).map(Item::End)
    }

    fn row(&mut self, line: &[u8]) -> Result<Vec<Value>, BackupError> {
        let row: Vec<serde_json::Value> = self.parse(line, "not a row")?;
        let Some(table) = &self.current else { return Err(self.damaged("a row that is of no table")) };
        if row.len() != table.columns.len() {
            return Err(self.damaged("a row with too few or too many columns"));
        }
        let values = row.into_iter().zip(&table.columns).map(|(value, (_, class))| from_json(value, *class));
        let Some(values) = values.collect::<Option<Vec<Value>>>() else {
            return Err(self.damaged("a value of another type than its column"));
        };
        if values.iter().any(|value| value.check().is_err()) {
            return Err(self.damaged("a value that no database holds"));
        }
        if let Some(count) = self.rows.get_mut(&table.name) {
            *count += 1;
        }
        Ok(values)
    }

    fn table(&mut self, section: Section) -> Result<Table, BackupError> {
        let Some(table) = self.missing.remove(&section.table) else {
            return Err(self.damaged("a table that its schema does not have, or one that was there already"));
        };
        if section.columns != table.columns {
            return Err(self.damaged("a table with other columns than its schema has"));
        }
        self.rows.insert(table.name.clone(), 0);
        self.current = Some(table.clone());
        Ok(table)
    }

    fn end(&mut self, counts: Counts) -> Result<Summary, BackupError> {
        if !self.missing.is_empty() {
            return Err(self.damaged("a table of its schema is missing"));
        }
        if counts.rows != self.rows {
            return Err(self.damaged("there are not as many rows as were written"));
        }
        let sha256 = std::mem::replace(&mut self.digest, Digesting::new()).hex();
        let last = self.read()?;
        let digest: Digest = self.parse(&last, "not the digest")?;
        if digest.sha256 != sha256 {
            return Err(self.damaged("its content is not what was written: the SHA-256 is another"));
        }
        if !self.input.fill_buf()?.is_empty() {
            return Err(self.damaged("something follows after its end"));
        }
        let rows = std::mem::take(&mut self.rows);
        Ok(Summary { schema: self.header.schema, created_at: self.header.created_at, rows, sha256 })
    }

    fn read(&mut self) -> Result<Vec<u8>, BackupError> {
        let line = read_line(&mut self.input, self.line + 1)?.ok_or(BackupError::CutOff { lines: self.line })?;
        self.line += 1;
        self.digest.update(&line);
        Ok(line)
    }

    fn parse<T: DeserializeOwned>(&self, line: &[u8], otherwise: &'static str) -> Result<T, BackupError> {
        serde_json::from_slice(line).map_err(|_| self.damaged(otherwise))
    }

    fn damaged(&self, reason: &'static str) -> BackupError {
        BackupError::Damaged { line: self.line, reason }
    }
}

/// A whole line with its end; `None` when there is none, or only the beginning of one.
fn read_line(input: &mut impl BufRead, number: u64) -> Result<Option<Vec<u8>>, BackupError> {
    let mut line = Vec::new();
    input.take(LONGEST).read_until(b'\n', &mut line)?;
    match line.last() {
        Some(b'\n') => Ok(Some(line)),
        Some(_) if line.len() as u64 == LONGEST => {
            Err(BackupError::Damaged { line: number, reason: "a line that is longer than any row" })
        }
        _ => Ok(None),
    }
}
