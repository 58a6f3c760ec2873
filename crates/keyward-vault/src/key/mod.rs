//! Keys: what wraps the data keys and touches nothing else, and the ring of data keys.

mod aws_kms;
pub mod env;
pub mod file;
mod openbao_transit;
mod pkcs11;
pub mod recovery;
pub(crate) mod ring;
mod root;
mod wrapper;

pub use aws_kms::{AwsKms, AwsKmsConfig};
pub use openbao_transit::OpenBaoTransit;
pub use pkcs11::{Pkcs11Config, Pkcs11Key};
pub use root::{InvalidRootKey, RootKey, RootKeyId};
pub use wrapper::{DataKey, KeyWrapper, WrapError, WrapFuture};
