//! Auth0.

use super::{OfflineAccess, Preset, PresetIssuer};
use crate::jwt::TypeRule;

pub(super) const PRESET: Preset = Preset {
    name: "auth0",
    title: "Auth0",
    issuer: PresetIssuer::Like("https://example.eu.auth0.com/"),
    // `at+jwt` with the RFC 9068 profile only.
    type_rule: TypeRule::Tolerant,
    offline_access: OfflineAccess::Scope,
    steps: &[
        "APIs: one for each server, with its URL as identifier, signed with RS256, token profile RFC 9068, and the server's \
         scopes as permissions",
        "Settings, Advanced: switch on the Resource Parameter Compatibility Profile and Dynamic Client Registration",
        "Connections: promote those that people log in with to domain level, so that registered clients may use them",
        "permissions count as scopes only with scopes = [\"scope\", \"permissions\"] in `claims`: they are all that the person may \
         do, also where they let the client do less",
    ],
    ..Preset::STANDARD
};
