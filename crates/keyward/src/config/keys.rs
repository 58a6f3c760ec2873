//! `[keys]`: the root key of the cabinet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::openbao::OpenBaoServer;
use super::text::{EnvironmentName, OpenBaoPath, SecretPlace, SiteUrl, Text};

/// The root key that opens the cabinet. Without it the sealed tokens are lost: keep a copy elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Keys {
    /// Where the root key is.
    pub(crate) kind: KeysKind,
    /// For `kind = "file"`: the file. It is made, readable by its owner alone, when it is not there and the database
    /// holds nothing sealed yet. Relative paths begin where the configuration file is.
    pub(crate) path: String,
    /// For `kind = "env"`: the variable that holds the line of such a key file.
    pub(crate) env: Text<EnvironmentName>,
    /// For `kind = "aws-kms"`: a symmetric key that never leaves AWS KMS.
    pub(crate) aws_kms: Option<AwsKmsSection>,
    /// For `kind = "pkcs11"`: an AES key that never leaves a device.
    pub(crate) pkcs11: Option<Pkcs11Section>,
    /// For `kind = "openbao-transit"`: a key that never leaves OpenBao.
    pub(crate) openbao_transit: Option<OpenBaoTransitSection>,
}

/// A key in AWS KMS, and what Keyward signs its requests with. It needs `kms:Encrypt` and `kms:Decrypt`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AwsKmsSection {
    /// Its id, ARN or alias, as it is to stay: the database names it.
    #[schemars(extend("examples" = ["alias/keyward"]))]
    pub(crate) key_id: String,
    /// Its region.
    #[schemars(extend("examples" = ["eu-central-1"]))]
    pub(crate) region: String,
    /// Where KMS is, when not at the public address of the region.
    pub(crate) endpoint: Option<Text<SiteUrl>>,
    /// The id of the access key: `env:NAME` or `file:PATH`.
    #[serde(default = "access_key_id")]
    pub(crate) access_key_id: Text<SecretPlace>,
    /// The secret access key: `env:NAME` or `file:PATH`.
    #[serde(default = "secret_access_key")]
    pub(crate) secret_access_key: Text<SecretPlace>,
    /// The session token of temporary credentials: `env:NAME` or `file:PATH`.
    pub(crate) session_token: Option<Text<SecretPlace>>,
}

/// An AES key of 256 bits in a device that speaks PKCS #11.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pkcs11Section {
    /// The library of the device's maker.
    #[schemars(extend("examples" = ["/usr/lib/softhsm/libsofthsm2.so"]))]
    pub(crate) module: String,
    /// The label of the token.
    #[schemars(extend("examples" = ["keyward"]))]
    pub(crate) token: String,
    /// The label of the key. It must allow CKM_AES_GCM.
    #[schemars(extend("examples" = ["root"]))]
    pub(crate) key: String,
    /// The user PIN: `env:NAME` or `file:PATH`.
    pub(crate) pin: Text<SecretPlace>,
}

/// A key of a transit engine of OpenBao (or HashiCorp Vault), and how Keyward logs in. It needs `update` on
/// `MOUNT/encrypt/KEY` and `MOUNT/decrypt/KEY`.
// Unknown keys are found by the schema: serde cannot refuse them beside a flattened part.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct OpenBaoTransitSection {
    /// The server.
    #[serde(flatten)]
    pub(crate) server: OpenBaoServer,
    /// The mount of the engine.
    #[serde(default = "transit")]
    pub(crate) mount: Text<OpenBaoPath>,
    /// The name of the key, of type `aes256-gcm96` or `chacha20-poly1305`, as it is to stay: the database names it.
    #[schemars(extend("examples" = ["keyward"]))]
    pub(crate) key: Text<OpenBaoPath>,
}

fn transit() -> Text<OpenBaoPath> {
    Text::of(OpenBaoPath("transit".to_owned()))
}

fn access_key_id() -> Text<SecretPlace> {
    Text::of(SecretPlace::Environment("AWS_ACCESS_KEY_ID".to_owned()))
}

fn secret_access_key() -> Text<SecretPlace> {
    Text::of(SecretPlace::Environment("AWS_SECRET_ACCESS_KEY".to_owned()))
}

/// A place for the root key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeysKind {
    /// A file with mode 0600.
    File,
    /// An environment variable.
    Env,
    /// AWS KMS.
    #[serde(rename = "aws-kms")]
    AwsKms,
    /// A device.
    Pkcs11,
    /// OpenBao's transit engine.
    #[serde(rename = "openbao-transit")]
    OpenBaoTransit,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            kind: KeysKind::File,
            path: "keyward.key".to_owned(),
            env: Text::of(EnvironmentName("KEYWARD_ROOT_KEY".to_owned())),
            aws_kms: None,
            pkcs11: None,
            openbao_transit: None,
        }
    }
}
