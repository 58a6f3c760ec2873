//! What every endpoint works with.

use std::ops::Deref;
use std::sync::Arc;

use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_storage::Database;
use keyward_storage::audit::AuditLog;

use crate::config::IssuerConfig;
use crate::login::password::Passwords;

/// What every endpoint works with; handlers take it as `State<Issuer>`.
#[derive(Debug)]
pub struct IssuerState {
    /// The configuration.
    pub config: IssuerConfig,
    /// The database.
    pub db: Database,
    /// What is done is written here.
    pub audit: AuditLog,
    /// Makes and checks password hashes.
    pub passwords: Passwords,
    /// Where the time comes from.
    pub clock: Clock,
    /// Where chance comes from.
    pub random: Random,
}

/// The authorization server. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Issuer(Arc<IssuerState>);

impl Issuer {
    /// An authorization server over its parts.
    pub fn new(state: IssuerState) -> Self {
        Self(Arc::new(state))
    }
}

impl Deref for Issuer {
    type Target = IssuerState;

    fn deref(&self) -> &IssuerState {
        &self.0
    }
}
