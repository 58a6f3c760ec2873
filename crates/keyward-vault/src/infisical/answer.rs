//! Infisical's answers, as its public source defines them. Members that Keyward does not need are not looked at, and those
//! that may be absent or null are optional, so that newer and older servers both are understood.

use std::fmt;

use keyward_core::clock::Timestamp;
use keyward_core::secret::Secret;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};

/// A body that is not what the API answers with. It is not repeated: it may hold a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is none of Infisical's API; does `url` lead to Infisical?")]
pub struct InvalidAnswer;

/// Reads an answer.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, InvalidAnswer> {
    serde_json::from_slice(body).map_err(|_| InvalidAnswer)
}

/// An access token of a machine identity: of `/api/v1/auth/universal-auth/login` and `/api/v1/auth/token/renew`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessToken {
    /// The token.
    #[serde(deserialize_with = "secret")]
    pub access_token: Secret,
    /// How long it lives, in seconds; 0 when it has no end.
    pub expires_in: u64,
}

/// One secret.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretAnswer {
    /// Its id, the same for all its versions.
    pub id: String,
    /// Its name within the folder.
    pub secret_key: String,
    /// Its value; a mask when it is hidden.
    #[serde(deserialize_with = "secret")]
    pub secret_value: Secret,
    /// Whether the value was not given.
    #[serde(default, deserialize_with = "lenient")]
    pub secret_value_hidden: bool,
    /// Its version; 1 is the first.
    pub version: i64,
    /// Its folder; answers to writes of older servers do not say it.
    #[serde(default)]
    pub secret_path: Option<String>,
    /// Metadata. An earlier version comes without.
    #[serde(default, deserialize_with = "lenient")]
    pub secret_metadata: Vec<Metadata>,
    /// When it was first stored.
    #[serde(default, deserialize_with = "lenient")]
    pub created_at: Option<Timestamp>,
    /// When this version was stored.
    #[serde(default, deserialize_with = "lenient")]
    pub updated_at: Option<Timestamp>,
}

/// One entry of a secret's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Its name.
    pub key: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
    /// Whether Infisical encrypts it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_encrypted: bool,
}

/// Of a request for one secret.
#[derive(Debug, Deserialize)]
pub struct One {
    /// The secret.
    pub secret: SecretAnswer,
}

/// Of a request for all secrets. What is imported from elsewhere is not asked for.
#[derive(Debug, Deserialize)]
pub struct Listed {
    /// The secrets.
    pub secrets: Vec<SecretAnswer>,
}

/// Of a change: the secret, or the approval that is waited for.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Changed {
    /// It is done.
    Done {
        /// The secret.
        secret: Version,
    },
    /// A policy of the project asks for approval, so it is not done.
    NeedsApproval {
        /// The request for approval.
        approval: IgnoredAny,
    },
}

/// What is used of a secret that was changed; its value was sent by us.
#[derive(Debug, Deserialize)]
pub struct Version {
    /// The version now.
    pub version: i64,
}

/// An error, of status 400 and above.
#[derive(Debug, Default, Deserialize)]
pub struct ErrorAnswer {
    /// Its kind, such as `TokenError`.
    #[serde(default, deserialize_with = "lenient")]
    pub error: String,
    /// What it says to people. For status 422 a list instead, which is not read.
    #[serde(default, deserialize_with = "lenient")]
    message: String,
}

impl ErrorAnswer {
    /// Reads an error; of a body that is none there is nothing to tell.
    pub fn parse(body: &[u8]) -> Self {
        parse(body).unwrap_or_default()
    }

    /// The message for logs and terminals: short, on one line, no control characters.
    pub fn told(&self) -> String {
        let told: String = self.message.chars().take(200).flat_map(char::escape_debug).collect();
        if told.is_empty() { "it gives no reason".to_owned() } else { told }
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::from_text)
}

/// What is null, absent or of another type counts as nothing said.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)
    }
}

#[cfg(test)]
mod tests;
