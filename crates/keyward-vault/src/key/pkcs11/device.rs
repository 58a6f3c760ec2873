//! The device, as one thread at a time asks it through the library of its maker.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::TokenInfo;
use cryptoki::types::AuthPin;
use keyward_core::secret::Secret;
use zeroize::Zeroizing;

use super::super::wrapper::WrapError;
use super::Pkcs11Config;

const IV_LEN: usize = 12;
const TAG_BITS: u64 = 128;

pub(super) struct Device {
    pub(super) config: Pkcs11Config,
    pub(super) origin: String,
}

/// What is known from the calls before.
#[derive(Default)]
pub(super) struct State {
    /// Opened when it is first needed, and anew after it failed.
    open: Option<Open>,
    /// The PIN that the device did not take. Each wrong one brings the token nearer to being locked, so it is given once.
    refused: Option<Secret>,
}

struct Open {
    session: Session,
    key: ObjectHandle,
}

/// What is done with the key.
pub(super) enum Work {
    Encrypt { iv: [u8; IV_LEN], plain: Zeroizing<Vec<u8>> },
    Decrypt { iv: [u8; IV_LEN], sealed: Vec<u8> },
}

impl Device {
    /// A session may have ended meanwhile, as when a device was taken out: what fails is tried once more with a new one.
    pub(super) fn work(
        &self,
        state: &mut State,
        work: &Work,
        bound: &[u8],
        pin: &Secret,
    ) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        let was_open = state.open.is_some();
        match self.once(state, work, bound, pin) {
            Err(WrapError::Unavailable { .. }) if was_open => self.once(state, work, bound, pin),
            done => done,
        }
    }

    fn once(
        &self,
        state: &mut State,
        work: &Work,
        bound: &[u8],
        pin: &Secret,
    ) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        let using = match state.open.take() {
            Some(using) => using,
            None => self.open(state, pin)?,
        };
        match using.work(work, bound) {
            Ok(done) => {
                state.open = Some(using);
                Ok(Zeroizing::new(done))
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    fn open(&self, state: &mut State, pin: &Secret) -> Result<Open, WrapError> {
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
                slot = Some((candidate, info));
                break;
            }
        }
        let (slot, info) = slot.ok_or_else(|| self.unavailable("no token of this label is there".to_owned()))?;
        let session = module.open_ro_session(slot).map_err(failed)?;
        // A login is the whole process's.
        let is_logged_in = session.get_session_info().map_err(failed)?.session_state();
        if !matches!(is_logged_in, SessionState::RoUser | SessionState::RwUser) {
            self.log_in(state, &session, &info, pin)?;
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

    /// Gives the PIN, unless that could lock the token.
    fn log_in(&self, state: &mut State, session: &Session, token: &TokenInfo, pin: &Secret) -> Result<(), WrapError> {
        if token.user_pin_locked() {
            let told = "the token's PIN is locked, since a wrong one was given too often: its security officer has to set it \
                        anew (CKF_USER_PIN_LOCKED)";
            return Err(self.denied(told.to_owned()));
        }
        if token.user_pin_final_try() {
            let told = "one more wrong PIN would lock the token, and Keyward leaves that try to you: make sure of the PIN, log \
                        in with it once by other means, as with `pkcs11-tool --login --list-objects`, and start again \
                        (CKF_USER_PIN_FINAL_TRY)";
            return Err(self.denied(told.to_owned()));
        }
        if state.refused.as_ref().is_some_and(|refused| refused.equals_in_constant_time(pin)) {
            let told = "this PIN was wrong before, and is not tried again before it is another or Keyward starts anew";
            return Err(self.denied(told.to_owned()));
        }
        if token.user_pin_count_low() {
            tracing::warn!(token = self.config.token, "a wrong PIN was given to the token since the last login to it");
        }
        let text = pin.expose_text().ok_or_else(|| self.denied("the PIN is no text".to_owned()))?;
        match session.login(UserType::User, Some(&AuthPin::new(text.into()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
                state.refused = None;
                Ok(())
            }
            Err(error) => {
                if matches!(error, Error::Pkcs11(RvError::PinIncorrect, _)) {
                    state.refused = Some(Secret::new(pin.expose_secret().to_vec()));
                }
                Err(self.failed(error))
            }
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
