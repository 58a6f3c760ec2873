//! Sealing: AES-256-GCM bound to a typed place.

mod columns;
mod envelope;
mod place;

pub use envelope::{InvalidSealed, SealFailed, Sealed};
pub(crate) use envelope::{KEY_LEN, SealingKey};
pub use place::{InvalidKeyId, KeyId, Place};
