//! Locks beside the database file: the system lets go of them when their process ends, however it ends.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

use crate::error::StorageError;

/// A locked file. Closing it lets go of the lock.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

/// The lock files are kept: one that is removed while another process opens it would be locked by both. There are 256 at
/// most for each kind of lock, so that they do not pile up; kinds share none, so that whoever holds a lock of one kind can
/// take one of another.
pub(super) fn try_lock(database: &Path, key: &str) -> Result<Option<FileLock>, StorageError> {
    let mut folder = database.as_os_str().to_owned();
    folder.push("-locks");
    let folder = PathBuf::from(folder);
    let unusable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::ReadOnlyFilesystem => StorageError::ReadOnly,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StorageError::Full,
        _ => StorageError::CannotOpen(error.into()),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(unusable)?;
    let kind: String = key.chars().take_while(char::is_ascii_alphanumeric).collect();
    let slot = folder.join(format!("{kind}-{:02x}", digest(&SHA256, key.as_bytes()).as_ref()[0]));
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(slot).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(FileLock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}
