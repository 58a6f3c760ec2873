//! What every endpoint works with.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use keyward_core::clock::Clock;
use keyward_core::id::GrantId;
use keyward_core::random::Random;
use keyward_outbound::TlsConnector;
use keyward_storage::audit::AuditLog;
use keyward_storage::{Database, StorageError, grants};
use keyward_vault::Vault;

use crate::config::IssuerConfig;
use crate::ended::EndedGrants;
use crate::limit::StrangerLimit;
use crate::log_limit::LogLimit;
use crate::login::password::{PasswordError, Passwords};
use crate::login::provider::LoginProvider;
use crate::register::metadata_document::ClientDocuments;
use crate::signing::{SigningError, SigningKeys};

/// Ended grants are named for longer than their last access token lives: clocks differ.
const CLOCKS_DIFFER_BY: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// What every endpoint works with; handlers take it as `State<Issuer>`.
#[derive(Debug)]
pub struct IssuerState {
    /// The configuration.
    pub config: IssuerConfig,
    /// The database.
    pub db: Database,
    /// Seals what must not lie open in the database.
    pub vault: Vault,
    /// What is done is written here.
    pub audit: AuditLog,
    /// Makes and checks password hashes.
    pub passwords: Passwords,
    /// Where the time comes from.
    pub clock: Clock,
    /// Where chance comes from.
    pub random: Random,
    pub(crate) signing: SigningKeys,
    pub(crate) client_documents: ClientDocuments,
    pub(crate) registrations: StrangerLimit,
    /// Where people log in, when not by password.
    pub(crate) provider: Option<LoginProvider>,
    pub(crate) departures: StrangerLimit,
    pub(crate) log_limit: LogLimit,
    pub(crate) ended: EndedGrants,
}

/// The authorization server. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Issuer(Arc<IssuerState>);

/// Why the authorization server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No signing key.
    #[error("the signing keys cannot be used")]
    Signing(#[from] SigningError),
    /// No passwords.
    #[error("passwords cannot be checked")]
    Passwords(#[from] PasswordError),
}

impl Issuer {
    /// Starts over a migrated database; the first start makes the signing key. People log in by password.
    pub async fn start(
        config: IssuerConfig,
        db: Database,
        vault: Vault,
        audit: AuditLog,
        clock: Clock,
        random: Random,
    ) -> Result<Self, StartError> {
        Self::start_with(config, db, vault, audit, clock, random, None).await
    }

    /// The same; with a provider, people log in there instead.
    pub async fn start_with(
        config: IssuerConfig,
        db: Database,
        vault: Vault,
        audit: AuditLog,
        clock: Clock,
        random: Random,
        provider: Option<LoginProvider>,
    ) -> Result<Self, StartError> {
        let signing = SigningKeys::start(&db, &vault, &audit, &clock).await?;
        let passwords = Passwords::new(&random)?;
        let client_documents = ClientDocuments::new(&config, TlsConnector::system());
        let state = IssuerState {
            config,
            db,
            vault,
            audit,
            passwords,
            clock,
            random,
            signing,
            client_documents,
            registrations: StrangerLimit::of_registrations(),
            provider,
            departures: StrangerLimit::of_departures(),
            log_limit: LogLimit::default(),
            ended: EndedGrants::default(),
        };
        Ok(Self(Arc::new(state)))
    }

    /// The JWKS document (RFC 7517 §5) of every key whose tokens may still be about; it changes when the keys do.
    pub fn jwks(&self) -> Arc<ArcSwap<Bytes>> {
        self.signing.jwks()
    }

    /// Makes a new signing key; the one before is shown until its last token has ended.
    pub async fn rotate_signing_key(&self) -> Result<(), SigningError> {
        let lifetime = self.config.lifetimes.access_token;
        self.signing.rotate(&self.db, &self.vault, &self.audit, &self.clock, lifetime).await
    }

    /// The grants that ended while access tokens of theirs may still be about.
    pub async fn ended_grants(&self) -> Result<Vec<GrantId>, StorageError> {
        let longest = self.config.lifetimes.access_token + CLOCKS_DIFFER_BY;
        grants::ended_since(&self.db, self.clock.now().minus(longest)).await
    }
}

impl Deref for Issuer {
    type Target = IssuerState;

    fn deref(&self) -> &IssuerState {
        &self.0
    }
}
