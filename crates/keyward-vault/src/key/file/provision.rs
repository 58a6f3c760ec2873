//! The key file of a first start.

use std::path::Path;

use keyward_core::random::Random;
use keyward_storage::Database;
use keyward_storage::data_keys::{self, DataKeyState};

use super::{KeyFileError, create, load};
use crate::error::VaultError;
use crate::key::RootKey;

/// Reads the root key from `path`; makes the file when there is none and nothing in `db` was sealed yet. A database that was
/// sealed needs the key it was sealed with, so there a missing file is an error that names that key.
pub async fn load_or_create(path: &Path, db: &Database, random: &Random) -> Result<RootKey, VaultError> {
    match load(path) {
        Err(KeyFileError::Missing { .. }) => {}
        done => return Ok(done?),
    }
    let rows = data_keys::all(db).await?;
    if let Some(row) = rows.iter().find(|row| row.state != DataKeyState::Retired) {
        return Err(VaultError::KeyFileGone {
            path: path.display().to_string(),
            expected: row.wrapped_by.escape_debug().to_string(),
        });
    }
    match create(path, random) {
        Err(KeyFileError::Exists { .. }) => Ok(load(path)?),
        done => Ok(done?),
    }
}
