//! Keys: what wraps the data keys and touches nothing else, and the ring of data keys.

pub mod env;
pub mod file;
pub(crate) mod ring;
mod root;
mod wrapper;

pub use root::{InvalidRootKey, RootKey, RootKeyId};
pub use wrapper::{DataKey, KeyWrapper, WrapError, WrapFuture};
