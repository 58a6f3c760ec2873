//! `[log]`: what Keyward writes to standard error.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{LogFilter, Text};

/// What Keyward writes to standard error. Nothing secret is ever in it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// How a line looks.
    pub(crate) format: LogFormat,
    /// How much is written: `off`, `error`, `warn`, `info`, `debug` or `trace`, also by module, as in
    /// `info,keyward_gateway=debug`.
    pub(crate) level: Text<LogFilter>,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: Text::of(LogFilter("info".to_owned())) }
    }
}
