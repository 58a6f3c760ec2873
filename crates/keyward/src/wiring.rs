//! From the configuration file to the rooms: each gets a plain configuration of its own.

pub(crate) mod issuer;
pub(crate) mod layout;
pub(crate) mod verifier;
