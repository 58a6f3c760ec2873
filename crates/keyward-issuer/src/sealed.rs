//! Between what the vault seals and the columns that keep it.

use keyward_storage::SealedColumns;
use keyward_vault::Sealed;

/// As it goes into the database.
pub(crate) fn to_columns(sealed: Sealed) -> SealedColumns {
    SealedColumns {
        iv: sealed.iv.to_vec(),
        tag: sealed.tag.to_vec(),
        key_id: sealed.key_id.as_str().to_owned(),
        ciphertext: sealed.ciphertext,
    }
}

/// As it came from the database; `None` when that is nothing that the vault sealed.
pub(crate) fn from_columns(columns: SealedColumns) -> Option<Sealed> {
    Some(Sealed {
        key_id: columns.key_id.parse().ok()?,
        iv: columns.iv.try_into().ok()?,
        tag: columns.tag.try_into().ok()?,
        ciphertext: columns.ciphertext,
    })
}
