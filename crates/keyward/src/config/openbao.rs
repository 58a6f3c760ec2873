//! A server of OpenBao or HashiCorp Vault, as each section says that needs one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{OpenBaoPath, SecretPlace, SiteUrl, Text};

/// Where OpenBao is, and how Keyward logs in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct OpenBaoServer {
    /// Its address.
    pub(crate) address: Text<SiteUrl>,
    /// The namespace that everything is in, the auth method too. When absent: the root namespace.
    pub(crate) namespace: Option<Text<OpenBaoPath>>,
    /// A file of PEM certificates to trust in the place of those that the system trusts.
    pub(crate) ca_file: Option<String>,
    /// How Keyward logs in.
    pub(crate) auth: OpenBaoAuthKind,
    /// Where the auth method is mounted. When absent: `approle` or `kubernetes`.
    pub(crate) auth_mount: Option<Text<OpenBaoPath>>,
    /// For `auth = "token"`: the token. It is renewed when it can be.
    pub(crate) token: Option<Text<SecretPlace>>,
    /// For `auth = "approle"`: the role's id.
    pub(crate) role_id: Option<Text<SecretPlace>>,
    /// For `auth = "approle"`: a secret id of the role.
    pub(crate) secret_id: Option<Text<SecretPlace>>,
    /// For `auth = "kubernetes"`: the role.
    pub(crate) role: Option<String>,
    /// For `auth = "kubernetes"`: the service account's token, read anew at each login.
    #[serde(default = "service_account")]
    pub(crate) jwt: Text<SecretPlace>,
}

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OpenBaoAuthKind {
    /// With a token that somebody made for Keyward.
    Token,
    /// As an AppRole, with a role id and a secret id.
    AppRole,
    /// With the service account of the pod that Keyward runs in.
    Kubernetes,
}

fn service_account() -> Text<SecretPlace> {
    Text::of(SecretPlace::File("/var/run/secrets/kubernetes.io/serviceaccount/token".to_owned()))
}
