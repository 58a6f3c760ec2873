//! Stytch: Connected Apps access tokens.

use super::{Preset, PresetAudience, PresetIssuer};
use crate::jwt::TypeRule;

/// The claim that only session JWTs have. They share `iss`, `aud` and keys with access tokens.
pub(super) const SESSION: &str = "https://stytch.com/session";

pub(super) const PRESET: Preset = Preset {
    name: "stytch",
    title: "Stytch",
    issuer: PresetIssuer::Like("https://word-word-1234.customers.stytch.dev"),
    type_rule: TypeRule::Tolerant,
    audience: PresetAudience::Own("the id of the project"),
    form: Some((&["scope", "client_id"], &[SESSION])),
    steps: &[
        "Connected Apps: switch on Dynamic Client Registration or Client ID Metadata Documents, so that MCP clients can register",
        "Custom domains: set one up; without it the `iss` of its authorization answers is not the issuer, and clients that \
         check it (RFC 9207) stop",
        "Connected Apps, authorization URL: a page of your own that shows Stytch's consent component",
        "Connected Apps, scopes: add the scopes of the servers",
        "every token says the project in `aud`: give each server a scope of its own, or an audience of its own by a custom \
         audience of the client",
    ],
    ..Preset::STANDARD
};
