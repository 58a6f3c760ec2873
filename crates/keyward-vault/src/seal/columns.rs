//! Between what is sealed and the columns that keep it.

use keyward_storage::SealedColumns;

use super::Sealed;

impl Sealed {
    /// As it goes into the database.
    pub fn into_columns(self) -> SealedColumns {
        SealedColumns {
            iv: self.iv.to_vec(),
            tag: self.tag.to_vec(),
            key_id: self.key_id.as_str().to_owned(),
            ciphertext: self.ciphertext,
        }
    }

    /// As it came from the database; `None` when that is nothing that was sealed here.
    pub fn from_columns(columns: SealedColumns) -> Option<Self> {
        Some(Self {
            key_id: columns.key_id.parse().ok()?,
            iv: columns.iv.try_into().ok()?,
            tag: columns.tag.try_into().ok()?,
            ciphertext: columns.ciphertext,
        })
    }
}
