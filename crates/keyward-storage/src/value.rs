//! Values that go into statements and come out of rows: the few types that both databases keep alike.

use keyward_core::clock::Timestamp;
use keyward_core::id::{GrantId, RequestId, SessionId, UserId};
use uuid::Uuid;

use crate::error::StorageError;

/// One parameter or one column.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// BOOLEAN; INTEGER on SQLite.
    Bool(bool),
    /// BIGINT; INTEGER on SQLite.
    Int(i64),
    /// TEXT.
    Text(String),
    /// BYTEA; BLOB on SQLite.
    Bytes(Vec<u8>),
    /// TIMESTAMPTZ; RFC 3339 text on SQLite.
    Time(Timestamp),
    /// UUID; text on SQLite.
    Uuid(Uuid),
}

// 0000-01-01T00:00:00Z, and the last whole second that the library for dates knows in every offset.
const EARLIEST: Timestamp = Timestamp::from_seconds(-62_167_219_200);
const LATEST: Timestamp = Timestamp::from_seconds(253_402_207_200);

impl Value {
    /// Refuses what only one of the two kinds of database can hold, so that both behave alike.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        match self {
            Self::Text(text) if text.contains('\0') => {
                Err(StorageError::Value { reason: "a text has a NUL character in it" })
            }
            Self::Time(time) if !(EARLIEST..=LATEST).contains(time) => {
                Err(StorageError::Value { reason: "a time is not in the years 0 to 9999" })
            }
            _ => Ok(()),
        }
    }

    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "Null",
            Self::Bool(_) => "Bool",
            Self::Int(_) => "Int",
            Self::Text(_) => "Text",
            Self::Bytes(_) => "Bytes",
            Self::Time(_) => "Time",
            Self::Uuid(_) => "Uuid",
        }
    }
}

/// Prints the kind alone: values may be hashes, sealed bytes or e-mail addresses.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

macro_rules! into_value {
    ($($type:ty => |$name:ident| $value:expr,)*) => {
        $(impl From<$type> for Value {
            fn from($name: $type) -> Self {
                $value
            }
        })*
    };
}

into_value! {
    bool => |value| Self::Bool(value),
    i64 => |value| Self::Int(value),
    i32 => |value| Self::Int(value.into()),
    u32 => |value| Self::Int(value.into()),
    String => |value| Self::Text(value),
    &String => |value| Self::Text(value.clone()),
    &str => |value| Self::Text(value.to_owned()),
    Vec<u8> => |value| Self::Bytes(value),
    &[u8] => |value| Self::Bytes(value.to_vec()),
    &[u8; 32] => |value| Self::Bytes(value.to_vec()),
    Timestamp => |value| Self::Time(value),
    Uuid => |value| Self::Uuid(value),
    UserId => |value| Self::Uuid(value.0),
    GrantId => |value| Self::Uuid(value.0),
    SessionId => |value| Self::Uuid(value.0),
    RequestId => |value| Self::Uuid(value.0),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The parameters of a statement, in the order of `$1`, `$2` …
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::Value::from($value)),*] };
}
