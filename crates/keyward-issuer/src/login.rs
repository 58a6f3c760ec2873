//! Logging in by e-mail address and password.

pub(crate) mod next;
pub mod password;
