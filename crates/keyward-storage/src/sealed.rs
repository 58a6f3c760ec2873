//! Columns that hold what the vault has sealed. This room only carries them.

use crate::Row;
use crate::error::StorageError;

/// One sealed value, as its four columns hold it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedColumns {
    /// The ciphertext.
    pub ciphertext: Vec<u8>,
    /// The initialization vector.
    pub iv: Vec<u8>,
    /// The authentication tag.
    pub tag: Vec<u8>,
    /// The data key it is sealed with.
    pub key_id: String,
}

impl SealedColumns {
    /// From the four columns that begin at `first`.
    pub(crate) fn from_row(row: &Row, first: usize) -> Result<Self, StorageError> {
        Ok(Self {
            ciphertext: row.get(first)?,
            iv: row.get(first + 1)?,
            tag: row.get(first + 2)?,
            key_id: row.get(first + 3)?,
        })
    }
}

impl std::fmt::Debug for SealedColumns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedColumns({})", self.key_id)
    }
}
