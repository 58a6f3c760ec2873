//! From the configuration file to the rooms: each gets a plain configuration of its own.

pub(crate) mod audit;
pub(crate) mod audit_key;
mod broker;
pub(crate) mod cabinet;
mod connections;
pub(crate) mod gateway;
pub(crate) mod issuer;
pub(crate) mod issuers;
pub(crate) mod keys;
pub(crate) mod layout;
mod openbao;
pub(crate) mod rooms;
mod secret;
pub(crate) mod storage;
pub(crate) mod upkeep;
pub(crate) mod vault;
pub(crate) mod verifier;

/// A runtime for what is no call: commands, start-up, background work.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("keyward-background").enable_all().build()
}
