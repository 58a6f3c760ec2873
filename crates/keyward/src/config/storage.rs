//! `[storage]`: the database.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{StorageUrl, Text};

/// The database that keeps accounts, grants, sealed tokens and the audit log.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Storage {
    /// `sqlite:PATH` or `postgres://…` (several hosts allowed). A URL with a password does not belong into the file:
    /// name the place that holds it, `env:NAME` or `file:PATH`. Relative paths begin where the configuration file is.
    pub(crate) url: Text<StorageUrl>,
    /// The most connections to the database that are open at once.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) max_connections: u16,
}

impl Default for Storage {
    fn default() -> Self {
        Self { url: Text::of(StorageUrl::Sqlite("keyward.db".to_owned())), max_connections: 8 }
    }
}
