//! `[[trusted_issuers]]`: whose tokens are good besides those of `[issuer]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::issuer::IssuerKind;
use super::provider::Provider;

/// An authorization server whose access tokens are taken besides those of `[issuer]`.
// Unknown keys are found by the schema: serde cannot refuse them beside a flattened part.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct TrustedIssuer {
    /// Which kind. `embedded`: Keyward's own, when `[issuer]` is another.
    #[serde(default = "oidc")]
    pub(crate) kind: IssuerKind,
    /// Where it is, and how its tokens are read.
    #[serde(flatten)]
    pub(crate) provider: Provider,
}

const fn oidc() -> IssuerKind {
    IssuerKind::Oidc
}
