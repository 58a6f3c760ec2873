//! `[[trusted_issuers]]`: whose tokens are good besides Keyward's own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{IssuerUrl, Text};

/// An authorization server elsewhere whose access tokens are taken.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrustedIssuer {
    /// Its issuer identifier, as in the `iss` of its tokens, to the letter.
    pub(crate) issuer: Text<IssuerUrl>,
    /// Where its keys are.
    pub(crate) jwks_uri: Text<IssuerUrl>,
    /// The signature algorithms that it uses.
    #[serde(default = "default_algorithms")]
    #[schemars(length(min = 1))]
    pub(crate) algorithms: Vec<Algorithm>,
    /// Whether its tokens must say `typ: at+jwt` (RFC 9068 §2.1). Turn it off only for an issuer that says nothing there.
    #[serde(default = "yes")]
    pub(crate) require_typ: bool,
}

/// A signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

fn default_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::Es256, Algorithm::Rs256]
}

const fn yes() -> bool {
    true
}
