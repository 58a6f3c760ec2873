//! The key provider: what wraps the data keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyward_core::random::Random;
use keyward_storage::Database;
use keyward_storage::data_keys;
use keyward_vault::key::file::KeyFileError;
use keyward_vault::{Environment, KeyWrapper, key};

use crate::config::{Keys, KeysKind, Loaded, TextValue};

/// The provider of `[keys]`; or that of `[next_keys]`, once the data keys are wrapped with it. So the configuration that a
/// change of the root key is made with opens the database before and after.
pub(super) async fn open(loaded: &Loaded, database: &Database, random: &Random) -> anyhow::Result<Arc<dyn KeyWrapper>> {
    if let Some(next) = &loaded.config.next_keys
        && let Some(id) = NextKey::Configured(next.clone()).id(loaded)
        && data_keys::all(database).await?.iter().any(|row| row.wrapped_by == id)
    {
        return existing(loaded, next).await;
    }
    let keys = &loaded.config.keys;
    match keys.kind {
        KeysKind::File => Ok(Arc::new(key::file::load_or_create(&loaded.resolve(&keys.path), database, random).await?)),
        _ => existing(loaded, keys).await,
    }
}

async fn existing(loaded: &Loaded, keys: &Keys) -> anyhow::Result<Arc<dyn KeyWrapper>> {
    Ok(match keys.kind {
        KeysKind::File => Arc::new(key::file::load(&loaded.resolve(&keys.path))?),
        KeysKind::Env => Arc::new(key::env::load(&Environment::Process, &keys.env.0.to_text())?),
    })
}

/// The root key that is to be next.
pub(crate) enum NextKey {
    /// A file that the command line names.
    File(PathBuf),
    /// `[next_keys]`.
    Configured(Keys),
}

impl NextKey {
    /// What rows say that are wrapped with it, as far as that is known without making anything.
    pub(crate) fn id(&self, loaded: &Loaded) -> Option<String> {
        let of_file = |path: &Path| key::file::load(path).ok().map(|key| key.id().to_string());
        match self {
            Self::File(path) => of_file(path),
            Self::Configured(keys) => match keys.kind {
                KeysKind::File => of_file(&loaded.resolve(&keys.path)),
                KeysKind::Env => {
                    key::env::load(&Environment::Process, &keys.env.0.to_text()).ok().map(|key| key.id().to_string())
                }
            },
        }
    }

    /// Opens it; a key file is made when it is not there.
    pub(crate) async fn open(&self, loaded: &Loaded, random: &Random) -> anyhow::Result<Arc<dyn KeyWrapper>> {
        let path = match self {
            Self::File(path) => path.clone(),
            Self::Configured(keys) if keys.kind == KeysKind::File => loaded.resolve(&keys.path),
            Self::Configured(keys) => return existing(loaded, keys).await,
        };
        match key::file::load(&path) {
            Err(KeyFileError::Missing { .. }) => Ok(Arc::new(key::file::create(&path, random)?)),
            done => Ok(Arc::new(done?)),
        }
    }

    /// What the operator does now.
    pub(crate) fn advice(&self) -> String {
        match self {
            Self::File(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                format!(
                    "set [keys] kind = \"file\" and path = \"{}\"; keep the old file for old backups",
                    path.display()
                )
            }
            Self::Configured(_) => {
                "make [next_keys] the section [keys], and keep the old root key for old backups".to_owned()
            }
        }
    }
}
