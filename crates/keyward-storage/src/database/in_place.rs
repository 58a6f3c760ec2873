//! A row where it lies, for who needs no copy of it.

use crate::error::StorageError;
use crate::row::{FromValue, Row};
use crate::value::Value;

use super::sqlite;

/// A row in the pages of SQLite, or one that a server sent.
pub(crate) enum RowInPlace<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Sent(&'a Row),
}

impl RowInPlace<'_> {
    pub(crate) fn bytes(&self, index: usize) -> Result<&[u8], StorageError> {
        let wrong = || StorageError::Column { index };
        match self {
            Self::Sqlite(row) => row.get_ref(index)?.as_blob().map_err(|_| wrong()),
            Self::Sent(row) => match row.value(index) {
                Some(Value::Bytes(bytes)) => Ok(bytes),
                _ => Err(wrong()),
            },
        }
    }

    pub(crate) fn text(&self, index: usize) -> Result<&str, StorageError> {
        let wrong = || StorageError::Column { index };
        match self {
            Self::Sqlite(row) => row.get_ref(index)?.as_str().map_err(|_| wrong()),
            Self::Sent(row) => match row.value(index) {
                Some(Value::Text(text)) => Ok(text),
                _ => Err(wrong()),
            },
        }
    }

    pub(crate) fn get<T: FromValue>(&self, index: usize) -> Result<T, StorageError> {
        match self {
            Self::Sqlite(row) => {
                let value = sqlite::from_sqlite(index, row.get_ref(index)?)?;
                T::from_value(&value).ok_or_else(|| StorageError::Column { index })
            }
            Self::Sent(row) => row.get(index),
        }
    }
}
