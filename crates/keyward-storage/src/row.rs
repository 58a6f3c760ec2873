//! Rows: columns by position, converted with an error that names the column rather than a panic.

use keyward_core::clock::Timestamp;
use keyward_core::id::{GrantId, RequestId, SessionId, UserId};
use keyward_core::secret::TokenHash;
use uuid::Uuid;

use crate::error::StorageError;
use crate::value::Value;

/// One row of an answer.
#[derive(Debug)]
pub struct Row(Vec<Value>);

impl Row {
    pub(crate) fn new(columns: Vec<Value>) -> Self {
        Self(columns)
    }

    pub(crate) fn into_values(self) -> Vec<Value> {
        self.0
    }

    pub(crate) fn value(&self, index: usize) -> Option<&Value> {
        self.0.get(index)
    }

    /// The columns from `first` up to `end`, as they are.
    pub(crate) fn values(&self, first: usize, end: usize) -> Result<Vec<Value>, StorageError> {
        self.0.get(first..end).map(<[Value]>::to_vec).ok_or(StorageError::Column { index: end })
    }

    /// The column at `index`, from 0.
    pub fn get<T: FromValue>(&self, index: usize) -> Result<T, StorageError> {
        let wrong = || StorageError::Column { index };
        T::from_value(self.0.get(index).ok_or_else(wrong)?).ok_or_else(wrong)
    }
}

/// A type that a column can be read as.
pub trait FromValue: Sized {
    /// `None` when the column holds something else.
    fn from_value(value: &Value) -> Option<Self>;
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        if *value == Value::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}

macro_rules! from_value {
    ($($type:ty => $pattern:pat => $result:expr,)*) => {
        $(impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                match value { $pattern => $result, _ => None }
            }
        })*
    };
}

from_value! {
    i64 => Value::Int(value) => Some(*value),
    u64 => Value::Int(value) => u64::try_from(*value).ok(),
    u32 => Value::Int(value) => u32::try_from(*value).ok(),
    String => Value::Text(value) => Some(value.clone()),
    Vec<u8> => Value::Bytes(value) => Some(value.clone()),
}

impl FromValue for TokenHash {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bytes(value) => Self::from_stored(value),
            _ => None,
        }
    }
}

/// SQLite has no booleans of its own.
impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(*value),
            Value::Int(value) => Some(*value != 0),
            _ => None,
        }
    }
}

/// SQLite keeps times as RFC 3339 text.
impl FromValue for Timestamp {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Time(value) => Some(*value),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// SQLite keeps UUIDs as text.
impl FromValue for Uuid {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Uuid(value) => Some(*value),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

macro_rules! ids {
    ($($type:ident),*) => {
        $(impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                Uuid::from_value(value).map(Self)
            }
        })*
    };
}

ids!(UserId, GrantId, SessionId, RequestId);
