//! `[scopes."NAME"]`: what scopes mean.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::Text;

/// What a scope means, for the consent page, and which others it includes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ScopeMeaning {
    /// What the scope allows, in words for the person who is asked for consent.
    pub(crate) description: Option<String>,
    /// Scopes that whoever has this one has too.
    pub(crate) includes: Vec<Text<keyward_core::scope::Scope>>,
}
