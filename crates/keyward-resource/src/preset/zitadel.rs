//! Zitadel.

use super::{DirectUse, OfflineAccess, Preset, PresetAudience, PresetIssuer};
use crate::jwt::TypeRule;

pub(super) const PRESET: Preset = Preset {
    name: "zitadel",
    title: "Zitadel",
    issuer: PresetIssuer::Like("https://example.zitadel.cloud"),
    type_rule: TypeRule::Tolerant,
    audience: PresetAudience::Own("the id of the project"),
    named: &[("urn:zitadel:iam:org:project:roles", "role:")],
    // Its ID tokens name the project in `aud`, too.
    form: Some((&[], &["nonce", "auth_time", "amr", "at_hash"])),
    direct: DirectUse::PreparedClients(
        "those that register themselves there are in a project of their own, without your roles",
    ),
    offline_access: OfflineAccess::Scope,
    steps: &[
        "Project: switch on Assert Roles on Authentication; its tokens have no scopes, and roles count as scopes `role:NAME`",
        "Applications: one of type User Agent or Native with PKCE for each MCP client, its token type JWT (else they are opaque)",
        "clients ask for the scope urn:zitadel:iam:org:project:id:PROJECT:aud, so that `aud` has the project",
        "every token says the project in `aud`: give each server a role of its own",
    ],
    ..Preset::STANDARD
};
