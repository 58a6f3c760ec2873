//! Keycloak.

use super::{OfflineAccess, Preset, PresetIssuer};
use crate::jwt::TypeRule;

pub(super) const PRESET: Preset = Preset {
    name: "keycloak",
    title: "Keycloak",
    issuer: PresetIssuer::Like("https://login.example.com/realms/main"),
    // `at+jwt` is an option of each client.
    type_rule: TypeRule::Tolerant,
    named: &[("/realm_access/roles", "role:"), ("groups", "group:")],
    offline_access: OfflineAccess::Scope,
    steps: &[
        "Client scopes: one for each scope of the servers, of type Optional, with a mapper of type Audience whose Included \
         Custom Audience is the server's URL; without it tokens have no `aud` for the server and are refused",
        "Realm settings, Client registration: let MCP clients register, with a policy for their redirect hosts; or make a \
         public client with PKCE by hand",
        "Realm roles count as scopes `role:NAME`, and groups as `group:NAME` where a mapper writes the claim `groups`",
    ],
    ..Preset::STANDARD
};
