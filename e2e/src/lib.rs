//! The rig of the end-to-end tests: the built binary, official clients and servers, a real browser, and bytes of our own.
//!
//! It knows Keyward only from outside: its command line, its configuration file, what it listens on and what it prints.

pub mod workspace;

pub mod process;
pub mod wait;

pub mod http;
pub mod page;

pub mod configuration;
pub mod keyward;
pub mod person;
pub mod postgres;
pub mod postgres_server;
pub mod small_disk;

pub mod jwt;
pub mod oauth;

pub mod client;
pub mod conformance;
pub mod infisical;
pub mod odd_issuer;
pub mod openbao;
pub mod provider;
pub mod stytch;
pub mod tls;
pub mod upstream;
