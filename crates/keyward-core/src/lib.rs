//! The words that every room of Keyward speaks: time and chance as arguments, secrets that cannot be printed,
//! ids, scopes, resources, and the vocabulary of the audit log.
//!
//! This crate does no I/O and knows no protocol endpoint, no database and no configuration file. A module lives here
//! only when two rooms or more use it.
//!
//! ```
//! use keyward_core::scope::ScopeSet;
//!
//! let granted: ScopeSet = "coda:read coda:write".parse()?;
//! let needed: ScopeSet = "coda:write".parse()?;
//! assert!(granted.covers(&needed));
//! # Ok::<(), keyward_core::scope::InvalidScope>(())
//! ```

pub mod audit;
pub mod clock;
pub mod id;
pub mod json;
pub mod peer;
pub mod random;
pub mod resource;
pub mod scope;
pub mod secret;
pub mod words;
