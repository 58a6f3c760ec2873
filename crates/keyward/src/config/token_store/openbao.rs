//! `[token_store.openbao]`: tokens as secrets of OpenBao's KV v2.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::openbao::OpenBaoServer;
use crate::config::text::{OpenBaoPath, Text};

/// For `kind = "openbao"`: where OpenBao (or HashiCorp Vault) is, how Keyward logs in, and where the tokens are in it.
// Unknown keys are found by the schema: serde cannot refuse them beside a flattened part.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct OpenBaoSection {
    /// The server.
    #[serde(flatten)]
    pub(crate) server: OpenBaoServer,
    /// The mount of a secrets engine KV, version 2.
    #[serde(default = "mount")]
    pub(crate) mount: Text<OpenBaoPath>,
    /// The folder in it below which the tokens are: a folder for each service, a secret for each key.
    #[serde(default = "prefix")]
    pub(crate) prefix: Text<OpenBaoPath>,
    /// Whether values are sealed before they leave Keyward. Without sealing, who can read or write secrets in OpenBao can
    /// read and change the tokens there, with OpenBao's own tools.
    #[serde(default)]
    pub(crate) seal: bool,
}

fn mount() -> Text<OpenBaoPath> {
    Text::of(OpenBaoPath("secret".to_owned()))
}

fn prefix() -> Text<OpenBaoPath> {
    Text::of(OpenBaoPath("keyward".to_owned()))
}
