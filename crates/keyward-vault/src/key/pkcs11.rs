//! PKCS #11: the root key is an AES key in a device or a soft token, not extractable. Data keys are wrapped with
//! CKM_AES_GCM (PKCS #11 v3.0, §2.12.3), bound to their id.

mod device;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keyward_core::random::Random;
use tokio::sync::{Mutex, oneshot};
use zeroize::Zeroizing;

use self::device::{Device, State, Work};
use super::wrapper::{DataKey, KeyWrapper, WrapError, WrapFuture};
use crate::seal::{KeyId, SealFailed};
use crate::secret_source::SecretSource;

/// Begins the associated data of a wrapped data key.
const LABEL: &[u8] = b"keyward wrapped data key 1 pkcs11";
/// First byte of a wrapped data key.
const VERSION: u8 = 1;
/// How long the device may take, with those who were before. One in a network takes seconds to log in.
const LIMIT: Duration = Duration::from_secs(30);

/// Which key of which device.
#[derive(Clone, Debug)]
pub struct Pkcs11Config {
    /// The library of the device's maker.
    pub module: PathBuf,
    /// The label of the token.
    pub token: String,
    /// The label of the key, an AES key of 256 bits.
    pub key: String,
    /// The user PIN.
    pub pin: SecretSource,
}

/// A key in a device.
pub struct Pkcs11Key {
    device: Arc<Device>,
    /// Held by the thread that is in the device's library. One that does not come back keeps it, and nobody waits on another.
    state: Arc<Mutex<State>>,
    limit: Duration,
    pin: SecretSource,
    id: String,
    origin: String,
}

impl Pkcs11Key {
    /// The device is first asked when a data key is wrapped or unwrapped.
    pub fn new(config: Pkcs11Config) -> Self {
        let id = format!("pkcs11:{}:{}", config.token, config.key);
        let origin = format!("PKCS #11 key \"{}\" of token \"{}\"", config.key, config.token);
        let pin = config.pin.clone();
        let device = Arc::new(Device { config, origin: origin.clone() });
        Self { device, state: Arc::default(), limit: LIMIT, pin, id, origin }
    }

    async fn seal(&self, data_key: &DataKey, key_id: &KeyId, random: &Random) -> Result<Vec<u8>, WrapError> {
        let iv = random.bytes().map_err(SealFailed::from)?;
        let plain = Zeroizing::new(data_key.expose_secret().to_vec());
        let sealed = self.work(Work::Encrypt { iv, plain }, key_id).await?;
        Ok([&[VERSION][..], &iv, &sealed].concat())
    }

    async fn open(&self, wrapped: &[u8], key_id: &KeyId) -> Result<DataKey, WrapError> {
        let mismatch = || WrapError::Mismatch { origin: self.origin.clone() };
        let rest = wrapped.strip_prefix(&[VERSION]).ok_or_else(mismatch)?;
        let (&iv, sealed) = rest.split_first_chunk().ok_or_else(mismatch)?;
        let plain = self.work(Work::Decrypt { iv, sealed: sealed.to_vec() }, key_id).await?;
        DataKey::from_slice(&plain).ok_or_else(mismatch)
    }

    /// Asks the device on a thread of its own, which the end of the process does not wait for as it would for the runtime's.
    async fn work(&self, work: Work, key_id: &KeyId) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        let pin = self.pin.read().await.map_err(|error| WrapError::Denied {
            origin: self.origin.clone(),
            reason: format!("Keyward has no PIN for it: {error}"),
        })?;
        let device = self.device.clone();
        let bound = [LABEL, b"\0", self.id.as_bytes(), b"\0", key_id.as_str().as_bytes()].concat();
        let asked = async {
            let mut state = self.state.clone().lock_owned().await;
            let (done, worked) = oneshot::channel();
            let thread = std::thread::Builder::new().name("pkcs11".to_owned());
            let started = thread.spawn(move || {
                // Whoever has stopped waiting does not need to know.
                drop(done.send(device.work(&mut state, &work, &bound, &pin)));
            });
            started.map_err(|error| self.unavailable(error))?;
            worked.await.map_err(|error| self.unavailable(error))?
        };
        let too_long = || format!("the module has not answered for {} seconds", self.limit.as_secs());
        tokio::time::timeout(self.limit, asked).await.map_err(|_| self.unavailable(too_long()))?
    }

    fn unavailable(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> WrapError {
        WrapError::Unavailable { origin: self.origin.clone(), cause: cause.into() }
    }
}

impl KeyWrapper for Pkcs11Key {
    fn id(&self) -> &str {
        &self.id
    }

    fn origin(&self) -> &str {
        &self.origin
    }

    fn wrap<'a>(&'a self, data_key: &'a DataKey, key_id: &'a KeyId, random: &'a Random) -> WrapFuture<'a, Vec<u8>> {
        Box::pin(self.seal(data_key, key_id, random))
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8], key_id: &'a KeyId) -> WrapFuture<'a, DataKey> {
        Box::pin(self.open(wrapped, key_id))
    }
}

impl std::fmt::Debug for Pkcs11Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pkcs11Key({})", self.id)
    }
}

#[cfg(test)]
mod tests;
