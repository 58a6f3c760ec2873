//! `[token_store.infisical]`: tokens as secrets of Infisical.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::text::{FolderPath, SecretPlace, SiteUrl, Text, TextValue};

/// For `kind = "infisical"`: where Infisical is, and as whom Keyward asks.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InfisicalSection {
    /// The site.
    #[serde(default = "site")]
    pub(crate) url: Text<SiteUrl>,
    /// The id of the project.
    pub(crate) project_id: String,
    /// The slug of the environment.
    pub(crate) environment: String,
    /// The folder below which the tokens are: one folder for each service, made when it is not there.
    #[serde(default = "root")]
    pub(crate) path: Text<FolderPath>,
    /// The client id of a machine identity with universal auth, which may read, create, edit and delete secrets, and make
    /// folders, at that path.
    pub(crate) client_id: String,
    /// Its client secret: `env:NAME`, or `file:PATH`, where relative paths begin where the configuration file is.
    pub(crate) client_secret: Text<SecretPlace>,
    /// Whether values are sealed before they leave Keyward. Without sealing, who can read or write secrets in Infisical can
    /// read and change the tokens.
    #[serde(default = "yes")]
    pub(crate) seal: bool,
}

fn site() -> Text<SiteUrl> {
    Text::of(SiteUrl(SiteUrl::EXAMPLE.to_owned()))
}

fn root() -> Text<FolderPath> {
    Text::of(FolderPath("/".to_owned()))
}

fn yes() -> bool {
    true
}
