//! Sealing: AES-256-GCM bound to a typed place.

mod columns;
mod envelope;
mod place;

pub(crate) use envelope::{IV_LEN, KEY_LEN, SealingKey, TAG_LEN};
pub use envelope::{InvalidSealed, SealFailed, Sealed};
pub use place::{InvalidKeyId, KeyId, Place};
