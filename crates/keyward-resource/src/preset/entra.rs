//! Microsoft Entra ID, version 2.0 of its tokens.

use super::{DirectUse, OfflineAccess, Preset, PresetAudience, PresetIssuer};
use crate::claim_map::EmailRule;
use crate::jwt::TypeRule;

pub(super) const PRESET: Preset = Preset {
    name: "entra",
    title: "Microsoft Entra ID",
    issuer: PresetIssuer::Like("https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0"),
    type_rule: TypeRule::Tolerant,
    audience: PresetAudience::Own("the application (client) id of the app registration that stands for the server"),
    scopes: &["scp"],
    named: &[("roles", "role:"), ("groups", "group:")],
    // Its `email` is what the directory's owner typed, also of domains that are not theirs.
    email_rule: EmailRule::Never,
    // ID tokens have no `azp`.
    form: Some((&["azp"], &["nonce"])),
    direct: DirectUse::PreparedClients("it registers no clients"),
    // In many companies nobody but an administrator can consent.
    offline_access: OfflineAccess::Scope,
    steps: &[
        "the issuer is that of your tenant: never `common` or `organizations`, which everybody's tenants sign for",
        "App registrations: one for each server, with requestedAccessTokenVersion 2 in its manifest; its application id is an \
         `audience`",
        "Expose an API: the server's URL as an Application ID URI (after the version was set), since clients send it as \
         `resource`, and any other is refused with AADSTS9010010; and the server's scopes, which clients ask for as URL/SCOPE, \
         so write scope_prefix = \"URL/\" in `claims`; what is asked for with api://APP/ has that prefix",
        "app roles count as scopes `role:NAME`",
    ],
    ..Preset::STANDARD
};
