//! The lines of a backup.

use std::collections::BTreeMap;
use std::io::{self, Write};

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyward_core::clock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::database::Class;
use crate::value::Value;

/// The version of this form.
pub(super) const FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) keyward_backup: u32,
    pub(super) schema: i64,
    pub(super) created_at: Timestamp,
}

/// What begins a table.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    pub(super) table: String,
    pub(super) columns: Vec<(String, Class)>,
}

/// The last line but one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counts {
    pub(super) rows: BTreeMap<String, u64>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Digest {
    pub(super) sha256: String,
}

/// The SHA-256 of what has gone by.
pub(super) struct Digesting(Context);

impl Digesting {
    pub(super) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn hex(self) -> String {
        self.0.finish().as_ref().iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
    }
}

/// Writes lines.
pub(super) struct Lines<W> {
    out: W,
    digest: Digesting,
    line: Vec<u8>,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, digest: Digesting::new(), line: Vec::new() }
    }

    pub(super) fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        self.digest.update(&self.line);
        self.out.write_all(&self.line)
    }

    /// Writes the last line; gives the digest.
    pub(super) fn finish(mut self) -> io::Result<String> {
        let sha256 = self.digest.hex();
        serde_json::to_writer(&mut self.out, &Digest { sha256: sha256.clone() })?;
        self.out.write_all(b"\n")?;
        self.out.flush()?;
        Ok(sha256)
    }
}

/// A value as a line has it.
pub(super) fn to_json(value: Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => i64::from(value).into(),
        Value::Int(value) => value.into(),
        Value::Text(value) => value.into(),
        Value::Bytes(value) => STANDARD.encode(value).into(),
        Value::Time(value) => value.to_string().into(),
        Value::Uuid(value) => value.to_string().into(),
    }
}

/// A value of a line, for a column of this class; `None` when it is none.
pub(super) fn from_json(value: serde_json::Value, class: Class) -> Option<Value> {
    Some(match (value, class) {
        (serde_json::Value::Null, _) => Value::Null,
        (serde_json::Value::Number(value), Class::Integer) => Value::Int(value.as_i64()?),
        (serde_json::Value::String(value), Class::Text) => Value::Text(value),
        (serde_json::Value::String(value), Class::Bytes) => Value::Bytes(STANDARD.decode(value).ok()?),
        _ => return None,
    })
}
