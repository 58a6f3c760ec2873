//! WorkOS AuthKit.

use super::{OfflineAccess, Preset, PresetIssuer};
use crate::jwt::TypeRule;

pub(super) const PRESET: Preset = Preset {
    name: "workos",
    title: "WorkOS AuthKit",
    issuer: PresetIssuer::Like("https://example.authkit.app"),
    type_rule: TypeRule::Tolerant,
    named: &[("role", "role:"), ("roles", "role:")],
    offline_access: OfflineAccess::Scope,
    steps: &[
        "Connect, Configuration: switch on MCP Auth with Client ID Metadata Documents, and Dynamic Client Registration for \
         clients that need it",
        "Connect, Configuration, resource indicators: the URL of each server; it becomes the `aud` of tokens",
        "tokens of MCP clients have scopes only; where a JWT template writes them, roles count as scopes `role:NAME`, and \
         permissions with scopes = [\"scope\", \"permissions\"] in `claims`: they are all that the person may do, also where they \
         let the client do less",
    ],
    ..Preset::STANDARD
};
