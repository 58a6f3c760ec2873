//! Logto.

use super::{DirectUse, Preset, PresetIssuer};
use crate::jwt::Algorithm;

pub(super) const PRESET: Preset = Preset {
    name: "logto",
    title: "Logto",
    issuer: PresetIssuer::Like("https://example.logto.app/oidc"),
    algorithms: &[Algorithm::Es384, Algorithm::Rs256],
    direct: DirectUse::PreparedClients("it registers no clients"),
    steps: &[
        "API resources: one for each server, with its URL as API identifier and the server's scopes as permissions; roles give \
         these to people",
        "Applications: a third-party application for each MCP client, with the client's redirect URIs",
    ],
    ..Preset::STANDARD
};
