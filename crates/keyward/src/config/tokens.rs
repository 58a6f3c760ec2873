//! `[tokens."service/key"]`: how single tokens are checked and rotated; and `[reminders]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hook::Hook;
use super::text::{Period, Text, UpstreamUrl};

/// What is done for one token besides keeping it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TokenSection {
    /// How a new value is tried before it is stored.
    pub(crate) check: Option<Check>,
    /// How it gets new values by itself. Of tokens that belong to people, none does.
    pub(crate) rotation: Option<Rotation>,
}

/// How a new value is tried: a GET that carries it as calls of the first server do that uses the token, else as a bearer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    /// What is asked.
    pub(crate) url: Text<UpstreamUrl>,
    /// The status of the answer when the service takes the value.
    #[serde(default = "ok")]
    #[schemars(range(min = 100, max = 599))]
    pub(crate) expect_status: u16,
}

/// How a token gets new values by itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// The age at which a version is replaced. When absent, age is no reason.
    #[serde(default)]
    pub(crate) every: Option<Text<Period>>,
    /// How long before its end a version is replaced. When absent, its end is no reason.
    #[serde(default)]
    pub(crate) before_expiry: Option<Text<Period>>,
    /// How long the version before stays usable.
    #[serde(default = "ten_minutes")]
    pub(crate) grace: Text<Period>,
    /// Whether the hook is given the current value: a program on its standard input, an endpoint as `current`.
    #[serde(default)]
    pub(crate) give_current: bool,
    /// Who gives the new value: as it is, or as JSON with `value` and perhaps `expires_at`.
    pub(crate) hook: Hook,
}

/// When people are reminded that a token ends.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Reminders {
    /// How long before its end; each once. An empty list reminds nobody.
    pub(crate) before: Vec<Text<Period>>,
    /// Who is told besides the log and the audit log.
    pub(crate) hook: Option<Hook>,
}

impl Default for Reminders {
    fn default() -> Self {
        Self { before: [14, 3, 1].map(|days| Text::of(Period::days(days))).into(), hook: None }
    }
}

fn ok() -> u16 {
    200
}

fn ten_minutes() -> Text<Period> {
    Text::of(Period::minutes(10))
}
