//! The commands, one file for each noun.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod bearer;
pub(crate) mod client;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod connection;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod man;
pub(crate) mod migrate;
pub(crate) mod restore;
pub(crate) mod token;
pub(crate) mod user;
