//! `[audit]`: the audit log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{Period, Text};

/// The audit log.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Audit {
    /// What happens to a call whose record cannot be written.
    pub(crate) mode: AuditMode,
    /// How long records are kept. Older ones are removed up to a signed checkpoint, so that the rest stays provable. When
    /// absent: for ever.
    pub(crate) keep: Option<Text<Period>>,
    /// The folder for records that could not be written when Keyward stopped; they are taken in at the next start. When
    /// absent: that of the SQLite file, or of the configuration file.
    pub(crate) spill: Option<String>,
}

/// What happens when the audit log cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuditMode {
    /// The call goes on; records that are lost are counted.
    #[default]
    FailOpen,
    /// The call is refused: its record is on disk before anything is done.
    FailClosed,
}
