//! The key cabinet: tokens sealed to their place, the keys they are sealed with, and the stores they lie in.
//!
//! This room knows nothing of the requests that Keyward serves, or of who may use a token: whoever asks has been let through
//! before. Only [`upstream`] speaks OAuth, as a client: a token that a person's grant keeps giving is kept where all others are.
//! Values come in and go out as [`Secret`](keyward_core::secret::Secret), or as a [`Credential`] that can only be put
//! into a call. In reading order:

mod cache;
mod credential;
mod upkeep;
mod vault;

mod check;
mod environment;
mod error;
mod fingerprint;
mod hook;
pub mod infisical;
pub mod key;
mod label;
mod name;
mod openbao;
mod seal;
mod secret_source;
pub mod store;
#[cfg(test)]
mod testing;
pub mod upstream;

#[doc(hidden)]
pub mod fuzzing;

pub use cache::CacheTimes;
pub use check::{CheckError, TokenCheck};
pub use credential::{Credential, CredentialError, CredentialSpec, InvalidCredentialSpec};
pub use environment::Environment;
pub use error::VaultError;
pub use hook::{Hook, HookError, HookKind, HookRunner, InvalidAnswer, NewValue};
pub use infisical::{InfisicalConfig, InfisicalError};
pub use key::{DataKey, KeyWrapper, RootKey, RootKeyId, WrapError, WrapFuture};
pub use label::{InvalidLabel, Label};
pub use name::{InvalidTokenName, TokenName};
pub use openbao::{OpenBao, OpenBaoAuth, OpenBaoConfig, OpenBaoError};
pub use seal::{InvalidKeyId, InvalidSealed, KeyId, Place, SealFailed, Sealed};
pub use secret_source::{SecretSource, SecretSourceError};
pub use store::openbao::OpenBaoStoreConfig;
pub use store::{Expected, NewToken, OpenedToken, TokenEntry, TokenStore, VersionEntry};
pub use upkeep::{Reminders, RotationError, RotationRule, Upkeep};
pub use vault::{
    Matched, Move, MoveOutcome, Moved, Progress, Restored, Rewrapped, Rotated, StoreConfig, StoreKind, Vault,
};
