//! Okta, with a custom authorization server.

use super::{DirectUse, OfflineAccess, Preset, PresetIssuer};
use crate::jwt::TypeRule;

pub(super) const PRESET: Preset = Preset {
    name: "okta",
    title: "Okta",
    issuer: PresetIssuer::Like("https://example.okta.com/oauth2/default"),
    type_rule: TypeRule::Tolerant,
    scopes: &["scp"],
    named: &[("groups", "group:")],
    form: Some((&["cid"], &[])),
    direct: DirectUse::PreparedClients(
        "its custom authorization servers register no client that comes without an API token",
    ),
    offline_access: OfflineAccess::Scope,
    steps: &[
        "Security, API, Authorization Servers: a custom one for each server (the organization's own signs tokens that nobody \
         else can verify), with the server's URL as audience",
        "its Scopes: those of the server; its Access Policies: who may get them",
        "Applications: a public client with PKCE for each MCP client",
        "groups count as scopes `group:NAME` where a claim `groups` is set up",
    ],
    ..Preset::STANDARD
};
