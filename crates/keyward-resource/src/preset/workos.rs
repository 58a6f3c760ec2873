//! WorkOS AuthKit.

use super::{Preset, PresetIssuer};
use crate::jwt::TypeRule;

pub(super) const PRESET: Preset = Preset {
    name: "workos",
    title: "WorkOS AuthKit",
    issuer: PresetIssuer::Like("https://example.authkit.app"),
    type_rule: TypeRule::Tolerant,
    named: &[("role", "role:"), ("roles", "role:")],
    steps: &[
        "Connect, Configuration: switch on MCP Auth with Client ID Metadata Documents, and Dynamic Client Registration for \
         clients that need it",
        "Connect, Configuration, resource indicators: the URL of each server; it becomes the `aud` of tokens",
        "roles count as scopes `role:NAME`, and permissions only with scopes = [\"scope\", \"permissions\"] in `claims`: they are \
         all that the person may do, also where they let the client do less",
    ],
    ..Preset::STANDARD
};
