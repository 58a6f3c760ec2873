//! Better Auth, with its OAuth provider plugin.

use super::{OfflineAccess, Preset, PresetIssuer};
use crate::jwt::{Algorithm, TypeRule};

pub(super) const PRESET: Preset = Preset {
    name: "better-auth",
    title: "Better Auth",
    issuer: PresetIssuer::Like("https://app.example.com/api/auth"),
    // EdDSA unless its JWT plugin is told otherwise.
    algorithms: &[Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es512, Algorithm::Rs256, Algorithm::Ps256],
    // `at+jwt` since 1.7; its JWT plugin alone writes none.
    type_rule: TypeRule::Tolerant,
    form: Some((&["scope"], &[])),
    offline_access: OfflineAccess::Scope,
    steps: &[
        "plugins: jwt(), and mcp() of @better-auth/mcp or oauthProvider() of @better-auth/oauth-provider, with \
         allowDynamicClientRegistration and allowUnauthenticatedClientRegistration for MCP clients",
        "resources, and clientRegistrationDefaultResources for clients that register (before 1.7: validAudiences): the URL of each \
         server; only for these tokens are JWTs",
        "scopes: those of the servers, beside openid, profile, email and offline_access",
        "route /.well-known/oauth-authorization-server/api/auth to the provider's metadata",
    ],
    ..Preset::STANDARD
};
