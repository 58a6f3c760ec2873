//! OpenBao's transit engine: the root key is a key of the engine that never leaves it. Data keys are encrypted by it with
//! their id as associated data.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyward_core::random::Random;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::wrapper::{DataKey, KeyWrapper, WrapError, WrapFuture};
use crate::openbao::{OpenBao, OpenBaoConfig, OpenBaoError};
use crate::seal::KeyId;

/// A key of a transit engine, of a type that takes associated data: `aes256-gcm96` (what OpenBao makes when no type is
/// asked for) or `chacha20-poly1305`.
#[derive(Debug)]
pub struct OpenBaoTransit {
    openbao: OpenBao,
    mount: String,
    key: String,
    id: String,
    origin: String,
}

#[derive(Serialize)]
struct Encrypt<'a> {
    plaintext: &'a str,
    associated_data: &'a str,
}

#[derive(Serialize)]
struct Decrypt<'a> {
    ciphertext: &'a str,
    associated_data: &'a str,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: Zeroizing<String>,
}

impl OpenBaoTransit {
    /// The key `key` of the engine at `mount`. Needs a tokio runtime: a task on it renews the login.
    pub fn new(server: OpenBaoConfig, mount: &str, key: &str) -> Self {
        let openbao = OpenBao::new(server);
        let (id, origin) = (format!("openbao-transit:{mount}/{key}"), format!("OpenBao transit key {mount}/{key}"));
        Self { openbao, mount: mount.to_owned(), key: key.to_owned(), id, origin }
    }

    async fn encrypt(&self, data_key: &DataKey, key_id: &KeyId) -> Result<Vec<u8>, WrapError> {
        let plaintext = Zeroizing::new(STANDARD.encode(data_key.expose_secret()));
        let ask = Encrypt { plaintext: &plaintext, associated_data: &associated(key_id) };
        let path = format!("{}/encrypt/{}", self.mount, self.key);
        let answer: Option<Encrypted> = self.openbao.write(&path, &ask).await.map_err(|error| self.failed(error))?;
        answer.map(|answer| answer.ciphertext.into_bytes()).ok_or_else(|| self.missing())
    }

    async fn decrypt(&self, wrapped: &[u8], key_id: &KeyId) -> Result<DataKey, WrapError> {
        let mismatch = || WrapError::Mismatch { origin: self.origin.clone() };
        let ciphertext = std::str::from_utf8(wrapped).map_err(|_| mismatch())?;
        let ask = Decrypt { ciphertext, associated_data: &associated(key_id) };
        let path = format!("{}/decrypt/{}", self.mount, self.key);
        let answer: Result<Option<Decrypted>, _> = self.openbao.write(&path, &ask).await;
        let answer = answer.map_err(|error| match error {
            // What it says of a ciphertext that it does not open, and of nothing else that we ask.
            OpenBaoError::Refused { status: 400, .. } => mismatch(),
            other => self.failed(other),
        });
        let plain = answer?.ok_or_else(|| self.missing())?.plaintext;
        let plain = STANDARD.decode(plain.as_bytes()).map(Zeroizing::new);
        plain.ok().and_then(|plain| DataKey::from_slice(&plain)).ok_or_else(mismatch)
    }

    fn missing(&self) -> WrapError {
        WrapError::Denied {
            origin: self.origin.clone(),
            reason: "there is no such key, or no transit engine".to_owned(),
        }
    }

    fn failed(&self, error: OpenBaoError) -> WrapError {
        let origin = self.origin.clone();
        match error {
            OpenBaoError::Unreachable(_) | OpenBaoError::Unavailable { .. } | OpenBaoError::Unreadable { .. } => {
                WrapError::Unavailable { origin, cause: Box::new(error) }
            }
            other => WrapError::Denied { origin, reason: other.to_string() },
        }
    }
}

fn associated(key_id: &KeyId) -> String {
    STANDARD.encode(format!("keyward wrapped data key 1 {key_id}"))
}

impl KeyWrapper for OpenBaoTransit {
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

#[cfg(test)]
mod tests;
