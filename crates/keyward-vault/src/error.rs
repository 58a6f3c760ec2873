//! What can go wrong in the cabinet.

use keyward_storage::StorageError;

use crate::infisical::InfisicalError;
use crate::key::WrapError;
use crate::key::file::KeyFileError;
use crate::name::TokenName;
use crate::openbao::OpenBaoError;
use crate::seal::{Place, SealFailed};
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
    /// A token that was copied is not at its destination as it was at its source.
    #[error("token {name} did not arrive unchanged in the {store} store; it is still where it was")]
    NotArrived {
        /// The token.
        name: TokenName,
        /// The destination.
        store: &'static str,
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
        found: String,
        /// Where it was found.
        origin: String,
    },
    /// A data key was wrapped with this root key, says its row, and does not unwrap.
    #[error("cannot unwrap data key {key_id}: its row was changed or damaged")]
    DataKeyDamaged {
        /// The data key.
        key_id: String,
    },
    /// The key provider did not do its part.
    #[error(transparent)]
    KeyProvider(#[from] WrapError),
    /// Data keys are being rotated, wrapped anew or restored by another process.
    #[error("another process is changing the data keys of this database; wait for it to end")]
    KeysBusy,
    /// The data keys changed again and again while they were being wrapped.
    #[error("the data keys were changed by others meanwhile; nothing was changed here: try again")]
    KeysChanged,
    /// The data keys are wrapped with this key already.
    #[error("the data keys are wrapped with {id} already; name another key to wrap them with")]
    SameRootKey {
        /// The root key.
        id: String,
    },
    /// The recovery file was made before these data keys were.
    #[error("the recovery file lacks {}: it is older than that, or of another database; nothing was changed", keys.join(", "))]
    RecoveryLacks {
        /// The data keys.
        keys: Vec<String>,
    },
    /// Rows say that they are sealed with these data keys, and what the recovery file has under their ids opens none.
    #[error("nothing opens with {} as the recovery file has it: the file is of another database, or was forged; nothing was changed", keys.join(", "))]
    RecoveryOpensNothing {
        /// The data keys.
        keys: Vec<String>,
    },
    /// There is no usable data key, and none could be made.
    #[error("there is no data key to seal with")]
    NoDataKey,
    /// The key file is gone, and the database was sealed with it. A new one would not open it.
    #[error("there is no key file {path}; the database expects root key {expected}: put that file back")]
    KeyFileGone {
        /// The file.
        path: String,
        /// The root key that the data keys were wrapped with.
        expected: String,
    },
    /// The key file is unusable.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The system's generator or the cipher failed.
    #[error(transparent)]
    Seal(#[from] SealFailed),
    /// OpenBao did not do it.
    #[error(transparent)]
    OpenBao(#[from] OpenBaoError),
    /// Infisical did not do it.
    #[error(transparent)]
    Infisical(#[from] InfisicalError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The value is not given, since the audit record of it cannot be written.
    #[error("the audit log cannot be written, so no token is opened")]
    AuditUnavailable,
    /// Nothing was changed, since the audit record of it cannot be written.
    #[error("the audit log cannot be written, so nothing was changed")]
    NotRecordable,
    /// The token was written or deleted, and the audit record of it could not be written.
    #[error("it was done, but its record could not be written to the audit log")]
    Unrecorded,
}

impl VaultError {
    /// Whether the caller asked for what cannot be, or the row is not what it should be: another try gives the same.
    pub fn is_refusal(&self) -> bool {
        use VaultError::{CannotOpen, Conflict, EmptyValue, NoStore, ReadOnly, ValueTooLong};
        match self {
            EmptyValue | ValueTooLong | Conflict { .. } | ReadOnly { .. } | NoStore | CannotOpen { .. } => true,
            Self::Infisical(error) => error.is_refusal(),
            Self::OpenBao(error) => error.is_refusal(),
            _ => false,
        }
    }

    /// Whether the token is there and cannot be used: somebody must put it in again.
    pub(crate) fn is_corrupt(&self) -> bool {
        matches!(
            self,
            Self::CannotOpen { .. }
                | Self::OpenBao(OpenBaoError::NotSealed(_) | OpenBaoError::NoValue { .. })
                | Self::Infisical(InfisicalError::NotSealed(_) | InfisicalError::Empty(_))
        )
    }

    pub(crate) fn cannot_open(place: &Place, key_id: &str) -> Self {
        // A key id that somebody put into the row may be anything.
        let key_id = key_id.chars().take(64).flat_map(char::escape_debug).collect();
        Self::CannotOpen { what: place.to_string(), key_id }
    }
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
