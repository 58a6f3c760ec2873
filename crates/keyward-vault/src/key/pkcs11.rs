//! PKCS #11: the root key is an AES key in a device or a soft token, not extractable. Data keys are wrapped with
//! CKM_AES_GCM (PKCS #11 v3.0, §2.12.3), bound to their id.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use zeroize::Zeroizing;

use super::wrapper::{DataKey, KeyWrapper, WrapError, WrapFuture};
use crate::seal::{KeyId, SealFailed};
use crate::secret_source::SecretSource;

/// Begins the associated data of a wrapped data key.
const LABEL: &[u8] = b"keyward wrapped data key 1 pkcs11";
/// First byte of a wrapped data key.
const VERSION: u8 = 1;
const IV_LEN: usize = 12;
const TAG_BITS: u64 = 128;

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
    pin: SecretSource,
    id: String,
    origin: String,
}

struct Device {
    config: Pkcs11Config,
    origin: String,
    /// Opened when it is first needed, and anew after it failed.
    open: Mutex<Option<Open>>,
}

struct Open {
    session: Session,
    key: ObjectHandle,
}

/// What is done with the key.
enum Work {
    Encrypt { iv: [u8; IV_LEN], plain: Zeroizing<Vec<u8>> },
    Decrypt { iv: [u8; IV_LEN], sealed: Vec<u8> },
}

impl Pkcs11Key {
    /// The device is first asked when a data key is wrapped or unwrapped.
    pub fn new(config: Pkcs11Config) -> Self {
        let id = format!("pkcs11:{}:{}", config.token, config.key);
        let origin = format!("PKCS #11 key \"{}\" of token \"{}\"", config.key, config.token);
        let pin = config.pin.clone();
        let device = Arc::new(Device { config, origin: origin.clone(), open: Mutex::new(None) });
        Self { device, pin, id, origin }
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

    /// Asks the device on a thread that may wait.
    async fn work(&self, work: Work, key_id: &KeyId) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        let pin = self.pin.read().await.map_err(|error| WrapError::Denied {
            origin: self.origin.clone(),
            reason: format!("Keyward has no PIN for it: {error}"),
        })?;
        let device = self.device.clone();
        let bound = [LABEL, b"\0", self.id.as_bytes(), b"\0", key_id.as_str().as_bytes()].concat();
        let worked = tokio::task::spawn_blocking(move || device.work(&work, &bound, &pin)).await;
        let lost = |cause| WrapError::Unavailable { origin: self.origin.clone(), cause: Box::new(cause) };
        worked.map_err(lost)?
    }
}

impl Device {
    /// A session may have ended meanwhile, as when a device was taken out: what fails is tried once more with a new one.
    fn work(&self, work: &Work, bound: &[u8], pin: &Secret) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let was_open = open.is_some();
        match self.once(&mut open, work, bound, pin) {
            Err(WrapError::Unavailable { .. }) if was_open => self.once(&mut open, work, bound, pin),
            done => done,
        }
    }

    fn once(
        &self,
        open: &mut MutexGuard<'_, Option<Open>>,
        work: &Work,
        bound: &[u8],
        pin: &Secret,
    ) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        let using = match open.take() {
            Some(using) => using,
            None => self.log_in(pin)?,
        };
        match using.work(work, bound) {
            Ok(done) => {
                **open = Some(using);
                Ok(Zeroizing::new(done))
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    fn log_in(&self, pin: &Secret) -> Result<Open, WrapError> {
        let failed = |error| self.failed(error);
        let module = Pkcs11::new(&self.config.module).map_err(failed)?;
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // A second provider in the same library.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(self.failed(error)),
        }
        let mut slot = None;
        for candidate in module.get_slots_with_token().map_err(failed)? {
            let info = module.get_token_info(candidate).map_err(failed)?;
            if info.label().trim_end() == self.config.token {
                slot = Some(candidate);
                break;
            }
        }
        let slot = slot.ok_or_else(|| self.unavailable("no token of this label is there".to_owned()))?;
        let session = module.open_ro_session(slot).map_err(failed)?;
        let pin = pin.expose_text().ok_or_else(|| self.denied("the PIN is no text".to_owned()))?;
        match session.login(UserType::User, Some(&AuthPin::new(pin.into()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(self.failed(error)),
        }
        let wanted = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Label(self.config.key.as_bytes().to_vec()),
        ];
        match session.find_objects(&wanted).map_err(failed)?.as_slice() {
            [key] => Ok(Open { key: *key, session }),
            [] => Err(self.denied("there is no AES key of this label".to_owned())),
            _ => Err(self.denied("there is more than one AES key of this label".to_owned())),
        }
    }

    fn failed(&self, error: Error) -> WrapError {
        use RvError::{
            EncryptedDataInvalid, EncryptedDataLenRange, FunctionFailed, GeneralError, KeyFunctionNotPermitted,
            MechanismInvalid, PinExpired, PinIncorrect, PinInvalid, PinLenRange, PinLocked, SignatureInvalid,
        };
        match &error {
            Error::Pkcs11(EncryptedDataInvalid | EncryptedDataLenRange | SignatureInvalid, _) => {
                WrapError::Mismatch { origin: self.origin.clone() }
            }
            // What SoftHSM says of a tag that does not match.
            Error::Pkcs11(GeneralError | FunctionFailed, function) if is_decrypt(*function) => {
                WrapError::Mismatch { origin: self.origin.clone() }
            }
            Error::Pkcs11(PinIncorrect | PinInvalid | PinLenRange | PinExpired | PinLocked, _) => {
                self.denied(format!("{error}"))
            }
            Error::Pkcs11(MechanismInvalid | KeyFunctionNotPermitted, _) => {
                self.denied(format!("the key cannot be used with CKM_AES_GCM: {error}"))
            }
            _ => self.unavailable(error.to_string()),
        }
    }

    fn denied(&self, reason: String) -> WrapError {
        WrapError::Denied { origin: self.origin.clone(), reason }
    }

    fn unavailable(&self, cause: String) -> WrapError {
        WrapError::Unavailable { origin: self.origin.clone(), cause: cause.into() }
    }
}

fn is_decrypt(function: cryptoki::context::Function) -> bool {
    matches!(function, cryptoki::context::Function::Decrypt)
}

impl Open {
    fn work(&self, work: &Work, bound: &[u8]) -> Result<Vec<u8>, Error> {
        let (mut iv, encrypt, data) = match work {
            Work::Encrypt { iv, plain } => (*iv, true, plain.as_slice()),
            Work::Decrypt { iv, sealed } => (*iv, false, sealed.as_slice()),
        };
        let mechanism = Mechanism::AesGcm(GcmParams::new(&mut iv, bound, TAG_BITS.into())?);
        match encrypt {
            true => self.session.encrypt(&mechanism, self.key, data),
            false => self.session.decrypt(&mechanism, self.key, data),
        }
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
