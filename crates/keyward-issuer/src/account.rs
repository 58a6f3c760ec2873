//! Accounts: what is done with them, by the pages and by whoever administers this server.

pub mod disable_user;
pub mod disconnect;
pub mod email;
pub mod end_session;
pub mod invite_user;
pub mod list_connections;
pub mod list_users;
pub(crate) mod new_password;
pub(crate) mod open;
