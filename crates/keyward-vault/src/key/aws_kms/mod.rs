//! AWS KMS: the root key is a symmetric key that never leaves the service. Data keys are encrypted and decrypted by it, with
//! their id as encryption context, which KMS authenticates and writes into CloudTrail.

mod sign;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_outbound::{Client, ClientConfig, Guard, Ports, TlsConnector};
use serde::{Deserialize, Serialize};
use url::{Position, Url};
use zeroize::{Zeroize, Zeroizing};

use super::wrapper::{DataKey, KeyWrapper, WrapError, WrapFuture};
use crate::seal::KeyId;
use crate::secret_source::SecretSource;
use sign::{Signer, amz_date};

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const JSON: &str = "application/x-amz-json-1.1";
const DEADLINE: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Which key, and what Keyward signs its requests with.
#[derive(Clone, Debug)]
pub struct AwsKmsConfig {
    /// The key's id, ARN or alias (`alias/keyward`), as it is to stay: rows name it.
    pub key_id: String,
    /// The region, `eu-central-1`.
    pub region: String,
    /// Where the service is, when not at the address of the region.
    pub endpoint: Option<Url>,
    /// The id of the access key.
    pub access_key_id: SecretSource,
    /// The secret access key.
    pub secret_access_key: SecretSource,
    /// The session token of temporary credentials.
    pub session_token: Option<SecretSource>,
    /// The certificates to trust.
    pub tls: TlsConnector,
}

/// A key in AWS KMS.
pub struct AwsKms {
    config: AwsKmsConfig,
    endpoint: Url,
    client: Client,
    clock: Clock,
    id: String,
    origin: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypt<'a> {
    key_id: &'a str,
    plaintext: &'a str,
    encryption_context: Context<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypt<'a> {
    key_id: &'a str,
    ciphertext_blob: &'a str,
    encryption_context: Context<'a>,
}

#[derive(Serialize)]
struct Context<'a> {
    #[serde(rename = "keyward:data-key")]
    data_key: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypted {
    ciphertext_blob: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypted {
    plaintext: Zeroizing<String>,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(alias = "Message", default)]
    message: String,
}

impl AwsKms {
    /// `None` when the region makes no address.
    pub fn new(config: AwsKmsConfig, clock: Clock) -> Option<Self> {
        let endpoint = match &config.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://kms.{}.amazonaws.com/", config.region).parse().ok()?,
        };
        let limits =
            ClientConfig { guard: Guard::Any, ports: Ports::Any, deadline: DEADLINE, max_body_bytes: MAX_ANSWER_BYTES };
        let client = Client::new(limits, config.tls.clone());
        let id = format!("aws-kms:{}:{}", config.region, config.key_id);
        let origin = format!("AWS KMS key {} in {}", config.key_id, config.region);
        Some(Self { config, endpoint, client, clock, id, origin })
    }

    async fn encrypt(&self, data_key: &DataKey, key_id: &KeyId) -> Result<Vec<u8>, WrapError> {
        let plaintext = Zeroizing::new(STANDARD.encode(data_key.expose_secret()));
        let encryption_context = Context { data_key: key_id.as_str() };
        let ask = Encrypt { key_id: &self.config.key_id, plaintext: &plaintext, encryption_context };
        let answer: Encrypted = self.call("TrentService.Encrypt", &ask).await?;
        STANDARD.decode(answer.ciphertext_blob).map_err(|error| self.unavailable(error))
    }

    async fn decrypt(&self, wrapped: &[u8], key_id: &KeyId) -> Result<DataKey, WrapError> {
        let blob = STANDARD.encode(wrapped);
        let encryption_context = Context { data_key: key_id.as_str() };
        let ask = Decrypt { key_id: &self.config.key_id, ciphertext_blob: &blob, encryption_context };
        let answer: Decrypted = self.call("TrentService.Decrypt", &ask).await?;
        let plain = STANDARD.decode(answer.plaintext.as_bytes()).map(Zeroizing::new);
        plain.ok().and_then(|plain| DataKey::from_slice(&plain)).ok_or_else(|| self.mismatch())
    }

    async fn call<T: for<'a> Deserialize<'a>>(&self, target: &str, ask: &impl Serialize) -> Result<T, WrapError> {
        let body = Zeroizing::new(serde_json::to_vec(ask).map_err(|error| self.unavailable(error))?);
        let headers = self.headers(target, &body).await?;
        let sent = self.client.send(Method::POST, &self.endpoint, headers, Bytes::from_owner(body)).await;
        let answer = sent.map_err(|error| self.unavailable(error))?;
        if answer.status == StatusCode::OK {
            let read = serde_json::from_slice(&answer.body);
            // A data key is in it.
            if let Ok(mut body) = answer.body.try_into_mut() {
                body.zeroize();
            }
            return read.map_err(|_| self.unavailable("the answer is none of KMS: is the endpoint right?"));
        }
        let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
        Err(self.refused(answer.status, &refusal))
    }

    async fn headers(&self, target: &str, body: &[u8]) -> Result<HeaderMap, WrapError> {
        let access_key_id = self.secret(&self.config.access_key_id).await?;
        let secret_access_key = self.secret(&self.config.secret_access_key).await?;
        let session_token = match &self.config.session_token {
            Some(source) => Some(self.secret(source).await?),
            None => None,
        };
        let text = |secret: &Secret| Some(Zeroizing::new(secret.expose_text()?.to_owned()));
        let unusable = || self.denied("the credentials in the configuration have characters that none has".to_owned());
        let access_key_id = text(&access_key_id).ok_or_else(unusable)?;
        let session_token = match &session_token {
            Some(token) => Some(text(token).ok_or_else(unusable)?),
            None => None,
        };
        let at = self.clock.now();
        let date = amz_date(at);
        let host = &self.endpoint[Position::BeforeHost..Position::AfterPort];
        let mut signed = vec![("content-type", JSON), ("host", host), ("x-amz-date", &*date)];
        if let Some(token) = &session_token {
            signed.push(("x-amz-security-token", token));
        }
        signed.push(("x-amz-target", target));
        let (region, secret_access_key) = (self.config.region.as_str(), &secret_access_key);
        let signer = Signer { access_key_id: &access_key_id, secret_access_key, region, service: "kms", at };
        let authorization = signer.authorization("POST", self.endpoint.path(), &signed, body);

        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| unusable());
        let sensitive = |text: &str| {
            let mut value = value(text)?;
            value.set_sensitive(true);
            Ok::<_, WrapError>(value)
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert(DATE, value(&date)?);
        headers.insert(TARGET, value(target)?);
        headers.insert(AUTHORIZATION, sensitive(&authorization)?);
        if let Some(token) = &session_token {
            headers.insert(SECURITY_TOKEN, sensitive(token)?);
        }
        Ok(headers)
    }

    async fn secret(&self, source: &SecretSource) -> Result<Secret, WrapError> {
        source.read().await.map_err(|error| self.denied(format!("Keyward has no credentials for it: {error}")))
    }

    fn refused(&self, status: StatusCode, refusal: &Refusal) -> WrapError {
        // Some answers name the type with its namespace before it.
        let kind = refusal.kind.rsplit('#').next().unwrap_or_default();
        match kind {
            "InvalidCiphertextException" | "IncorrectKeyException" => self.mismatch(),
            "ThrottlingException" | "KeyUnavailableException" => self.unavailable(kind.to_owned()),
            _ if status.is_server_error() => self.unavailable(format!("HTTP {} {kind}", status.as_u16())),
            _ => {
                let said = format!("{kind} {}", refusal.message);
                self.denied(said.chars().take(300).flat_map(char::escape_debug).collect())
            }
        }
    }

    fn mismatch(&self) -> WrapError {
        WrapError::Mismatch { origin: self.origin.clone() }
    }

    fn denied(&self, reason: String) -> WrapError {
        WrapError::Denied { origin: self.origin.clone(), reason }
    }

    fn unavailable(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> WrapError {
        WrapError::Unavailable { origin: self.origin.clone(), cause: cause.into() }
    }
}

impl KeyWrapper for AwsKms {
    fn id(&self) -> &str {
        &self.id
    }

    fn origin(&self) -> &str {
        &self.origin
    }

    fn wrap<'a>(&'a self, data_key: &'a DataKey, key_id: &'a KeyId, _: &'a Random) -> WrapFuture<'a, Vec<u8>> {
        Box::pin(self.encrypt(data_key, key_id))
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8], key_id: &'a KeyId) -> WrapFuture<'a, DataKey> {
        Box::pin(self.decrypt(wrapped, key_id))
    }
}

impl std::fmt::Debug for AwsKms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AwsKms({})", self.id)
    }
}

#[cfg(test)]
mod tests;
