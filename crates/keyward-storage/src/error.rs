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
    /// Another process holds the write lock for longer than we wait.
    #[error("the database is busy: another process has held its write lock for too long")]
    Busy,
    /// The file or the server takes no writes.
    #[error(
        "the database is read-only: check the permissions of the file and its folder, the mount, or the server's role"
    )]
    ReadOnly,
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
    /// A row with the same key is there already, or has changed meanwhile.
    #[error("a row with this key is there already")]
    Conflict,
    /// A value cannot be stored, such as a text with a NUL in it.
    #[error("a value cannot be stored: a text must not contain NUL characters")]
    Value,
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

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt,
            Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) => Self::Unavailable(error.into()),
            Some(ErrorCode::ConstraintViolation) => Self::Conflict,
            _ => Self::Statement(error.into()),
        }
    }
}

impl From<tokio_postgres::Error> for StorageError {
    fn from(error: tokio_postgres::Error) -> Self {
        use tokio_postgres::error::SqlState;
        match error.code() {
            Some(&SqlState::UNIQUE_VIOLATION) => Self::Conflict,
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => Self::ReadOnly,
            Some(&SqlState::DISK_FULL) => Self::Full,
            Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::QUERY_CANCELED) => Self::Busy,
            Some(&SqlState::CHARACTER_NOT_IN_REPERTOIRE | &SqlState::UNTRANSLATABLE_CHARACTER) => Self::Value,
            Some(_) => Self::Statement(error.into()),
            None => Self::Unavailable(error.into()),
        }
    }
}

impl From<deadpool_postgres::PoolError> for StorageError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => error.into(),
            other => Self::Unavailable(other.into()),
        }
    }
}
