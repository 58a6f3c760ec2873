//! What can go wrong with the database, by what the operator can do about it.

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// `storage.url` is not understood.
    #[error("storage.url: {reason}; use sqlite:PATH or postgres://USER@HOST/DATABASE")]
    Url {
        /** What is wrong with it. */
        reason: String,
    },
    /// The database cannot be reached or does not answer in time; trying again later may help.
    #[error("the database cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Others hold what is needed for longer than we wait, or won a deadlock; the whole transaction may be tried again.
    #[error("the database is busy: others have held a lock or every connection for too long")]
    Busy,
    /// There is no file, or none can be made there.
    #[error(
        "the database file cannot be opened: check that its folder is there and that Keyward may read and write in it"
    )]
    CannotOpen(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server is there and refuses this user, this password or this database.
    #[error("the database server refuses the login: check user, password and database in storage.url")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file or the server takes no writes.
    #[error(
        "the database is read-only: check the permissions of the file and its folder, the mount, or the server's role"
    )]
    ReadOnly,
    /// It was frozen, since it has moved elsewhere.
    #[error(
        "the database is frozen, since it has moved: name the new one in storage.url, or run `keyward backup --unfreeze` to stay with this one"
    )]
    Frozen,
    /// No room is left.
    #[error("the disk of the database is full")]
    Full,
    /// The file is no SQLite database, or a damaged one.
    #[error(
        "the database file is not a SQLite database or is damaged: restore it from a backup, or name another file in storage.url"
    )]
    Corrupt,
    /// A newer Keyward has migrated this database.
    #[error(
        "the database has schema version {found}, this Keyward knows up to {known}: run the newer Keyward, or restore a backup made before the upgrade"
    )]
    Newer {
        /** Its version. */
        found: i64,
        /** The newest that is known here. */
        known: i64,
    },
    /// The schema is older than this Keyward needs, and migrations have not been run.
    #[error("the database has schema version {found}, this Keyward needs {needed}: run `keyward migrate up`")]
    Older {
        /** Its version. */
        found: i64,
        /** What is needed. */
        needed: i64,
    },
    /// A table is missing: the migrations have not run.
    #[error("the database has not been prepared: run `keyward migrate up`")]
    NotMigrated(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row with the same key is there already, or has changed meanwhile.
    #[error("a row with this key is there already")]
    Conflict,
    /// A row that this one belongs to is not there, or not any more.
    #[error("a row belongs to another that is not there")]
    Orphan,
    /// A value that one of the two kinds of database cannot hold.
    #[error("a value cannot be stored: {reason}")]
    Value {
        /** What is wrong with it. */
        reason: &'static str,
    },
    /// A statement of the transaction failed before, so that it can only be rolled back.
    #[error("the transaction \"{name}\" cannot go on: one of its statements failed")]
    Aborted {
        /** The transaction's name. */
        name: &'static str,
    },
    /// A column does not hold what it should.
    #[error("column {index} of a row does not hold what it should: the database was changed by other hands")]
    Column {
        /** Its position. */
        index: usize,
    },
    /// A row contradicts another.
    #[error("the database contradicts itself: {what}")]
    Inconsistent {
        /** Which rows. */
        what: &'static str,
    },
    /// The system's generator failed.
    #[error(transparent)]
    Random(#[from] keyward_core::random::RandomFailed),
    /// Anything else the database said; a defect of ours or of the database.
    #[error("the database refused a statement")]
    Statement(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What the triggers of a frozen database say, and their SQLSTATE, of a class that PostgreSQL leaves to others.
pub(crate) const FROZEN_TEXT: &str = "keyward: this database is frozen";
pub(crate) const FROZEN_STATE: &str = "KW001";

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::{ErrorCode, ffi};
        let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt,
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::CannotOpen(error.into()),
            Some(ErrorCode::SystemIoFailure | ErrorCode::FileLockingProtocolFailed) => Self::Unavailable(error.into()),
            Some(ErrorCode::ConstraintViolation) => match extended {
                ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
                    Self::Conflict
                }
                ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Self::Orphan,
                ffi::SQLITE_CONSTRAINT_TRIGGER if error.to_string().contains(FROZEN_TEXT) => Self::Frozen,
                _ => Self::Statement(error.into()),
            },
            _ if error.to_string().contains("no such table") => Self::NotMigrated(error.into()),
            _ => Self::Statement(error.into()),
        }
    }
}

impl From<tokio_postgres::Error> for StorageError {
    fn from(error: tokio_postgres::Error) -> Self {
        use tokio_postgres::error::SqlState;
        let Some(state) = error.code() else {
            // The server said nothing: a value did not fit its parameter, or the connection failed.
            let is_ours = std::error::Error::source(&error).is_some_and(|source| source.is::<WrongType>());
            return if is_ours { Self::Statement(error.into()) } else { Self::Unavailable(error.into()) };
        };
        match *state {
            SqlState::UNIQUE_VIOLATION => Self::Conflict,
            SqlState::FOREIGN_KEY_VIOLATION => Self::Orphan,
            SqlState::UNDEFINED_TABLE => Self::NotMigrated(error.into()),
            SqlState::READ_ONLY_SQL_TRANSACTION => Self::ReadOnly,
            SqlState::DISK_FULL => Self::Full,
            SqlState::LOCK_NOT_AVAILABLE | SqlState::QUERY_CANCELED => Self::Busy,
            SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Self::Corrupt,
            SqlState::CHARACTER_NOT_IN_REPERTOIRE | SqlState::UNTRANSLATABLE_CHARACTER => {
                Self::Value { reason: "a text has a character that the database's encoding has not" }
            }
            // By class: the whole list is in PostgreSQL's appendix A.
            ref state if state.code() == FROZEN_STATE => Self::Frozen,
            ref state => match state.code().get(..2).unwrap_or_default() {
                "28" | "3D" => Self::Refused(error.into()),
                "40" => Self::Busy,
                "08" | "53" | "57" | "58" => Self::Unavailable(error.into()),
                _ => Self::Statement(error.into()),
            },
        }
    }
}

/// A value was given to a parameter, or read from a column, of a type that it has not.
#[derive(Debug, thiserror::Error)]
#[error("a value of kind {kind} where the statement has the type {wanted}")]
pub(crate) struct WrongType {
    pub(crate) kind: &'static str,
    pub(crate) wanted: String,
}

impl From<deadpool_postgres::PoolError> for StorageError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        use deadpool_postgres::{PoolError, TimeoutType};
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy,
            other => Self::Unavailable(other.into()),
        }
    }
}
