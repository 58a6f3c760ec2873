//! Which claims of an issuer's tokens say what.

use keyward_resource::ClaimPath;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{Text, TextValue};

/// Which claims say what. A claim is its name, or a JSON Pointer (RFC 6901) such as `/realm_access/roles`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Claims {
    /// Those that hold scopes; what several say is taken together. When absent: as the preset says, or `scope`, or `scp`.
    pub(crate) scopes: Option<Vec<Text<ClaimPath>>>,
    /// What the issuer leaves out at the front of the scopes in its tokens, and clients have to ask with.
    pub(crate) scope_prefix: Option<String>,
    /// Those that hold roles: a role counts as a scope. When absent: as the preset says, or none.
    pub(crate) roles: Option<Vec<Text<ClaimPath>>>,
    /// What a scope begins with that stands for a role. When absent: `role:`.
    pub(crate) role_prefix: Option<String>,
    /// Those that hold groups: a group counts as a scope. When absent: as the preset says, or none.
    pub(crate) groups: Option<Vec<Text<ClaimPath>>>,
    /// What a scope begins with that stands for a group. When absent: `group:`.
    pub(crate) group_prefix: Option<String>,
    /// The one that holds the person's e-mail; another than `email` needs `email_verified` or `email_always_verified`. When absent:
    /// `email`.
    pub(crate) email: Option<Text<ClaimPath>>,
    /// The one that says whether the e-mail is verified; only such are believed. When absent: `email_verified`.
    pub(crate) email_verified: Option<Text<ClaimPath>>,
    /// Whether the issuer has verified every e-mail, and so marks none.
    pub(crate) email_always_verified: bool,
    /// Those that an access token must have, besides those of the preset and of RFC 9068.
    pub(crate) required: Option<Vec<String>>,
    /// Those that an access token must not have, besides those of the preset.
    pub(crate) refused: Option<Vec<String>>,
}

impl Claims {
    /// Whether the e-mail is taken from a claim of which nothing says that it is verified.
    pub(crate) fn takes_unverified_email(&self) -> bool {
        let another = self.email.as_ref().is_some_and(|path| path.0.to_text() != "email");
        another && self.email_verified.is_none() && !self.email_always_verified
    }

    /// Whether anything else is set than `email_always_verified`.
    pub(crate) fn has_more_than_email_always_verified(&self) -> bool {
        let paths = [&self.scopes, &self.roles, &self.groups].into_iter().any(Option::is_some);
        let texts = [&self.scope_prefix, &self.role_prefix, &self.group_prefix].into_iter().any(Option::is_some);
        let names = [&self.required, &self.refused].into_iter().any(Option::is_some);
        paths || texts || names || self.email.is_some() || self.email_verified.is_some()
    }
}

impl TextValue for ClaimPath {
    const FORMAT: &'static str = "keyward-claim";
    const NOUN: &'static str = "a claim";
    const EXAMPLE: &'static str = "/realm_access/roles";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "is its name, or a JSON Pointer (RFC 6901) such as /realm_access/roles".to_owned())
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}
