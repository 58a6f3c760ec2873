//! The one SQL database, SQLite or PostgreSQL: all durable state of Keyward.
//!
//! This room must not know what a token means, only what a row holds: it never sees a plain secret. One SQL text serves
//! both kinds; [`database`] and the migrations are all that knows that there are two.

pub mod audit;
pub mod backup;
mod change;
mod database;
mod error;
mod lock;
mod migrate;
mod row;
mod sealed;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;
mod value;

#[doc(hidden)]
pub mod fuzzing;

pub mod bearer_tokens;
pub mod clients;
pub mod codes;
pub mod consents;
pub mod data_keys;
pub mod grants;
pub mod identities;
pub mod invites;
pub mod login_attempts;
pub mod login_failures;
pub mod logout_tokens;
pub mod passwords;
pub mod refresh_tokens;
pub mod sealed_rows;
pub mod session_identities;
pub mod sessions;
pub mod signing_keys;
pub mod token_upkeep;
pub mod token_versions;
pub mod tokens;
pub mod upstream_authorizations;
pub mod upstream_clients;
pub mod upstream_grants;
pub mod users;

pub use change::{ChangeFeed, Topic};
pub use database::{Database, Kind, StorageConfig, settle_file};
pub use error::StorageError;
pub use lock::Lock;
pub use migrate::{MigrationReport, NEWEST};
pub use row::{FromValue, Row};
pub use sealed::SealedColumns;
pub use transaction::Transaction;
pub use value::Value;
