//! `[keys]`: the root key of the cabinet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{EnvironmentName, Text};

/// The root key that opens the cabinet. Without it the sealed tokens are lost: keep a copy elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Keys {
    /// Where the root key is.
    pub(crate) kind: KeysKind,
    /// For `kind = "file"`: the file. It is made, readable by its owner alone, when it is not there and the database
    /// holds nothing sealed yet. Relative paths begin where the configuration file is.
    pub(crate) path: String,
    /// For `kind = "env"`: the variable that holds the line of such a key file.
    pub(crate) env: Text<EnvironmentName>,
}

/// A place for the root key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeysKind {
    /// A file with mode 0600.
    File,
    /// An environment variable.
    Env,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            kind: KeysKind::File,
            path: "keyward.key".to_owned(),
            env: Text::of(EnvironmentName("KEYWARD_ROOT_KEY".to_owned())),
        }
    }
}
