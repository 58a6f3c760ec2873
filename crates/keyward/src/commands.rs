//! The commands, one file for each noun.

pub(crate) mod config;
pub(crate) mod init;
