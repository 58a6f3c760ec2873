//! Keys: the root key, which wraps data keys and touches nothing else, and the ring of data keys.

pub mod env;
pub mod file;
pub(crate) mod ring;
mod root;

pub use root::{InvalidRootKey, RootKey, RootKeyId};
