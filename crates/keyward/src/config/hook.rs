//! Hooks: programs and HTTP endpoints that Keyward asks or tells.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{EnvironmentName, Period, SecretPlace, Text, UpstreamUrl};

/// A program that is run, or an HTTP endpoint that is called.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hook {
    /// What it is. When absent: as `command` or `url` says.
    #[serde(default)]
    pub(crate) kind: Option<HookKind>,
    /// For `kind = "command"`: the program and its arguments, started without a shell.
    #[serde(default)]
    pub(crate) command: Vec<String>,
    /// For `kind = "command"`: the variables that it gets; no others of Keyward's environment.
    #[serde(default)]
    pub(crate) environment: Vec<Text<EnvironmentName>>,
    /// For `kind = "http"`: where a JSON object is POSTed to.
    #[serde(default)]
    pub(crate) url: Option<Text<UpstreamUrl>>,
    /// For `kind = "http"`: what holds the value of its `Authorization` header, `env:NAME` or `file:PATH`.
    #[serde(default)]
    pub(crate) authorization: Option<Text<SecretPlace>>,
    /// How long it may take.
    #[serde(default = "minute")]
    pub(crate) timeout: Text<Period>,
}

/// What a hook is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HookKind {
    /// A program.
    Command,
    /// An HTTP endpoint.
    Http,
}

impl Hook {
    /// What it is; `Err` says what is missing.
    pub(crate) fn kind(&self) -> Result<HookKind, &'static str> {
        match (self.kind, self.command.is_empty(), &self.url) {
            (Some(HookKind::Command) | None, false, None) | (Some(HookKind::Command), false, _) => {
                Ok(HookKind::Command)
            }
            (Some(HookKind::Http) | None, true, Some(_)) | (Some(HookKind::Http), _, Some(_)) => Ok(HookKind::Http),
            (None, false, Some(_)) => Err("a hook has `command` or `url`; with both, `kind` says which it is"),
            (Some(HookKind::Command), true, _) => {
                Err("a hook of kind \"command\" has `command`, a program and its arguments")
            }
            (Some(HookKind::Http), _, None) => Err("a hook of kind \"http\" has `url`"),
            (None, true, None) => Err("a hook has `command`, a program and its arguments, or `url`"),
        }
    }
}

fn minute() -> Text<Period> {
    Text::of(Period::minutes(1))
}
