//! What can go wrong in the cabinet.

use crate::key::RootKeyId;
use crate::name::TokenName;
use crate::seal::SealFailed;
use crate::store::{Expected, MAX_VALUE_LEN};

/// Why the cabinet did not do what it was asked. No variant holds a value.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A token's value is empty.
    #[error("the value of a token cannot be empty")]
    EmptyValue,
    /// A token's value is too long.
    #[error("the value of a token can have {MAX_VALUE_LEN} bytes at most")]
    ValueTooLong,
    /// What is stored is not what the writer believed.
    #[error("token {name} was changed by somebody else: expected {}, found {}", expected_text(*.expected), found_text(*.found))]
    Conflict {
        /// The token.
        name: TokenName,
        /// What the writer believed.
        expected: Expected,
        /// The version there is.
        found: Option<i64>,
    },
    /// The store cannot be written.
    #[error("the {store} store is read-only: {how}")]
    ReadOnly {
        /// The store.
        store: &'static str,
        /// What to do instead.
        how: String,
    },
    /// No store is configured.
    #[error("no token store is configured")]
    NoStore,
    /// A sealed value does not open. One text for every cause, so that an attacker learns nothing from it.
    #[error("cannot open {what}: sealed with key {key_id}")]
    CannotOpen {
        /// What it is: `token SERVICE/KEY`.
        what: String,
        /// The key that the row names.
        key_id: String,
    },
    /// The root key is not the one that wrapped the data keys.
    #[error("expected root key {expected}, {origin} holds {found}; nothing was changed")]
    WrongRootKey {
        /// The root key that the data keys were wrapped with.
        expected: String,
        /// The root key that was given.
        found: RootKeyId,
        /// Where it was found.
        origin: String,
    },
    /// A data key was wrapped with this root key, says its row, and does not unwrap.
    #[error("cannot unwrap data key {key_id}: its row was changed or damaged")]
    DataKeyDamaged {
        /// The data key.
        key_id: String,
    },
    /// The system's generator or the cipher failed.
    #[error(transparent)]
    Seal(#[from] SealFailed),
    /// The act was not done, or its result not given, since its audit record cannot be written.
    #[error("the audit log cannot be written")]
    AuditUnavailable,
}

fn expected_text(expected: Expected) -> String {
    match expected {
        Expected::Anything => "anything".to_owned(),
        Expected::Absent => "none".to_owned(),
        Expected::Version(version) => format!("version {version}"),
    }
}

fn found_text(found: Option<i64>) -> String {
    found.map_or_else(|| "none".to_owned(), |version| format!("version {version}"))
}
