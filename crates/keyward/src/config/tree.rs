//! The configuration as it was written: a tree of values, each of which knows where it came from.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Bytes of the file.
    File(Range<usize>),
    /// An environment variable.
    Environment(String),
}

/// A value and where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) source: Source,
    pub(crate) value: Value,
}

/// What TOML can say, as far as a configuration needs it.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Table(Vec<Entry>),
    Array(Vec<Node>),
    String(String),
    Integer(i64),
    /// Also an integer that is too large.
    Fraction,
    Boolean(bool),
    Datetime,
}

/// One key of a table.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_source: Source,
    pub(crate) node: Node,
}

impl Value {
    /// The kind of value, in words.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Table(_) => "a table",
            Self::Array(_) => "a list",
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Fraction => "a number with a fraction or too many digits",
            Self::Boolean(_) => "true or false",
            Self::Datetime => "a date",
        }
    }
}

impl Node {
    /// An empty file.
    pub(crate) const fn empty() -> Self {
        Self { source: Source::File(0..0), value: Value::Table(Vec::new()) }
    }

    /// The file's tree.
    pub(crate) fn from_toml(table: Spanned<DeTable<'_>>) -> Self {
        let span = table.span();
        Self { source: Source::File(span), value: from_table(table.into_inner()) }
    }

    /// The value under `key`: a name in a table, a number in a list.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            Value::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => None,
        }
    }

    /// Where the value at `path` was written, or the nearest thing around it that was.
    pub(crate) fn locate(&self, path: &[&str]) -> Source {
        let mut node = self;
        for key in path {
            match node.get(key) {
                Some(inner) => node = inner,
                None => break,
            }
        }
        node.source.clone()
    }
}

fn from_table(table: DeTable<'_>) -> Value {
    let entries = table.into_iter().map(|(key, value)| Entry {
        key_source: Source::File(key.span()),
        key: key.into_inner().into_owned(),
        node: from_value(value),
    });
    Value::Table(entries.collect())
}

fn from_value(value: Spanned<DeValue<'_>>) -> Node {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Fraction, Value::Integer)
        }
        DeValue::Float(_) => Value::Fraction,
        DeValue::Boolean(boolean) => Value::Boolean(boolean),
        DeValue::Datetime(_) => Value::Datetime,
        DeValue::Array(items) => Value::Array(items.into_iter().map(from_value).collect()),
        DeValue::Table(table) => from_table(table),
    };
    Node { source: Source::File(span), value }
}
