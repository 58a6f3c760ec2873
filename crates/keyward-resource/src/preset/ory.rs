//! Ory Network, and Ory Hydra.

use super::{OfflineAccess, Preset, PresetIssuer};
use crate::jwt::TypeRule;

pub(super) const PRESET: Preset = Preset {
    name: "ory",
    title: "Ory",
    issuer: PresetIssuer::Like("https://example.projects.oryapis.com"),
    type_rule: TypeRule::Tolerant,
    // `scp` as a list, or `scope` as a text, by its strategies.jwt.scope_claim.
    scopes: &["scp"],
    form: Some((&["client_id"], &[])),
    offline_access: OfflineAccess::Scope,
    steps: &[
        "OAuth2, configuration: access token type JWT (strategies.access_token), scope claim list",
        "the issuer is as its metadata writes it: that of Hydra ends with a slash",
        "clients: allow the server's URL as audience; clients have to send it as `audience`",
        "Dynamic Client Registration: switch it on for MCP clients",
    ],
    ..Preset::STANDARD
};
