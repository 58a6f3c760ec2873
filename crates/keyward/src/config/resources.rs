//! `[[resources]]`: what tokens are issued for though it is not behind this Keyward.

use keyward_core::id::ServerId;
use keyward_core::resource::ResourceUri;
use keyward_core::scope::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::Text;

/// A protected resource elsewhere that takes tokens of Keyward's own issuer: a Keyward in direct mode, or another server
/// that verifies them itself (RFC 9068).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceElsewhere {
    /// Its id, in the audit log. No server has the same.
    pub(crate) id: Text<ServerId>,
    /// Its name for people. When absent: the id.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Its identifier, to the letter: what it expects in `aud`, and what its own metadata calls it (RFC 9728).
    pub(crate) resource: Text<ResourceUri>,
    /// All scopes that can be granted for it, besides those of `[scopes]` that include one of them.
    #[serde(default)]
    pub(crate) scopes: Vec<Text<Scope>>,
    /// Scopes that a client gets which asks for none. When absent: `scopes`.
    #[serde(default)]
    pub(crate) default_scopes: Option<Vec<Text<Scope>>>,
}
