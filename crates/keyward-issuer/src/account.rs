//! Accounts: what is done with them, by the pages and by whoever administers this server.

pub mod email;
pub(crate) mod new_password;
