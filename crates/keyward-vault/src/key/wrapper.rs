//! What wraps data keys: a root key in this process's memory, or a service or device that keeps its key to itself.

use std::error::Error;
use std::fmt;
use std::pin::Pin;

use keyward_core::random::{Random, RandomFailed};
use zeroize::Zeroizing;

use super::RootKey;
use crate::seal::{KEY_LEN, KeyId, SealFailed, SealingKey};

/// A data key, in the clear: between a wrapper and the schedule that seals with it, and nowhere else.
pub struct DataKey(Box<Zeroizing<[u8; KEY_LEN]>>);

impl DataKey {
    /// A fresh one.
    pub(crate) fn generate(random: &Random) -> Result<Self, RandomFailed> {
        let mut key = Self::zero();
        random.fill(&mut **key.0)?;
        Ok(key)
    }

    /// From its bytes; `None` when they are not 32.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self::zero();
        (bytes.len() == KEY_LEN).then(|| key.0.copy_from_slice(bytes))?;
        Some(key)
    }

    fn zero() -> Self {
        Self(Box::new(Zeroizing::new([0; KEY_LEN])))
    }

    pub(crate) fn expose_secret(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    pub(crate) fn equals_in_constant_time(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&**self.0, &**other.0).is_ok()
    }

    pub(crate) fn schedule(&self) -> Option<SealingKey> {
        SealingKey::new(&self.0)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey")
    }
}

/// Why a data key was not wrapped or unwrapped.
#[derive(Debug, thiserror::Error)]
pub enum WrapError {
    /// It was wrapped with another key, or for another data key, or changed since.
    #[error("{origin} does not open it: it was wrapped with another key, or changed since")]
    Mismatch {
        /// Which provider.
        origin: String,
    },
    /// The provider does not answer, or not as it should; trying again later may help.
    #[error("{origin} cannot be used now")]
    Unavailable {
        /// Which provider.
        origin: String,
        /// What went wrong.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    /// The provider is there and says no; it says so again until somebody changes something.
    #[error("{origin} refuses: {reason}")]
    Denied {
        /// Which provider.
        origin: String,
        /// What it says, or what there is to change.
        reason: String,
    },
    /// The system's generator or the cipher failed.
    #[error(transparent)]
    Seal(#[from] SealFailed),
}

/// What the methods of a [`KeyWrapper`] give.
pub type WrapFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, WrapError>> + Send + 'a>>;

/// A key that wraps data keys. It never touches a row.
pub trait KeyWrapper: Send + Sync {
    /// What `data_keys.wrapped_by` says: the same for as long as the key is the same, and safe to show.
    fn id(&self) -> &str;
    /// Where it is, for messages: "the file keyward.key".
    fn origin(&self) -> &str;
    /// Wraps a data key, so that it unwraps under its own id alone.
    fn wrap<'a>(&'a self, data_key: &'a DataKey, key_id: &'a KeyId, random: &'a Random) -> WrapFuture<'a, Vec<u8>>;
    /// Unwraps what [`wrap`](Self::wrap) gave for the same id.
    fn unwrap<'a>(&'a self, wrapped: &'a [u8], key_id: &'a KeyId) -> WrapFuture<'a, DataKey>;
    /// The key itself, where this process knows it.
    fn root_key(&self) -> Option<&RootKey> {
        None
    }
}
