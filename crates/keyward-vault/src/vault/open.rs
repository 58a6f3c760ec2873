//! Opening the cabinet: the key provider must open what is stored, or nothing starts.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_outbound::TlsConnector;
use keyward_storage::audit::AuditLog;
use keyward_storage::{ChangeFeed, Database, Topic};

use super::{Inner, Vault};
use crate::cache::{CacheTimes, CredentialCache};
use crate::environment::Environment;
use crate::error::VaultError;
use crate::fingerprint::fingerprint_key;
use crate::infisical::InfisicalConfig;
use crate::key::KeyWrapper;
use crate::key::ring::{KeyRing, SEAL_LIMIT};
use crate::name::TokenName;
use crate::store::TokenStore;
use crate::store::chain::ChainStore;
use crate::store::env::EnvStore;
use crate::store::infisical::InfisicalStore;
use crate::store::openbao::{OpenBaoStore, OpenBaoStoreConfig};
use crate::store::sql::SqlStore;

/// Where the tokens of services are.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The stores, in the order they are asked.
    pub stores: Vec<StoreKind>,
    /// How long what was opened for a call serves others.
    pub times: CacheTimes,
    /// Whether a token is opened only when the record of it is on disk (`audit.mode = "fail_closed"`).
    pub audit_required: bool,
}

/// One store.
#[derive(Clone, Debug)]
pub enum StoreKind {
    /// Environment variables.
    Env {
        /// Where they come from.
        environment: Environment,
        /// Names that are in variables other than `KEYWARD_TOKEN__SERVICE__KEY`.
        mapped: BTreeMap<TokenName, String>,
    },
    /// Sealed rows of the database.
    Sql,
    /// Secrets of OpenBao's KV v2.
    OpenBao(OpenBaoStoreConfig),
    /// Secrets of Infisical.
    Infisical(InfisicalConfig),
}

pub(super) fn store_of(kind: StoreKind, sql: &SqlStore) -> Box<dyn TokenStore> {
    match kind {
        StoreKind::Env { environment, mapped } => Box::new(EnvStore::new(environment, mapped)),
        StoreKind::Sql => Box::new(sql.clone()),
        StoreKind::OpenBao(config) => Box::new(OpenBaoStore::new(config, sql)),
        StoreKind::Infisical(config) => Box::new(InfisicalStore::new(config, TlsConnector::system(), sql)),
    }
}

impl Vault {
    /// Opens the cabinet. Refuses when `keys` is not what the stored data keys were wrapped with; makes the first data key
    /// when there is none. Needs a tokio runtime: a task on it follows changes until the last handle is
    /// dropped.
    pub async fn open(
        db: Database,
        keys: impl Into<Arc<dyn KeyWrapper>>,
        stores: StoreConfig,
        clock: Clock,
        random: Random,
        audit: AuditLog,
    ) -> Result<Self, VaultError> {
        Self::with_store(db, keys.into(), clock, random, (stores.times, audit, stores.audit_required), |sql| {
            Box::new(ChainStore::new(stores.stores.into_iter().map(|kind| store_of(kind, sql)).collect()))
        })
        .await
    }

    pub(super) async fn with_store(
        db: Database,
        keys: Arc<dyn KeyWrapper>,
        clock: Clock,
        random: Random,
        (times, audit, audit_required): (CacheTimes, AuditLog, bool),
        store: impl FnOnce(&SqlStore) -> Box<dyn TokenStore>,
    ) -> Result<Self, VaultError> {
        let ring = KeyRing::open(db.clone(), keys, clock.clone(), random.clone(), audit.clone(), SEAL_LIMIT).await?;
        let ring = Arc::new(ring);
        let own = SqlStore::new(db.clone(), ring.clone(), clock.clone(), random.clone());
        let fingerprint_key = fingerprint_key(&own, &**ring.wrapper(), &random).await?;
        // The cache is empty: what has changed before this is of no account.
        let feed = db.changes();
        let (store, cache) = (store(&own), CredentialCache::new(times));
        let inner = Inner { db, ring, own, store, cache, fingerprint_key, audit, audit_required, clock, random };
        let inner = Arc::new(inner);
        tokio::spawn(follow(feed, Arc::downgrade(&inner), times.fresh));
        Ok(Self(inner))
    }
}

/// Makes cached credentials stale when tokens or accounts change, and drops those that may not serve any more.
async fn follow(mut feed: ChangeFeed, vault: Weak<Inner>, sweep_every: Duration) {
    let mut sweep = tokio::time::interval(sweep_every);
    loop {
        let changed = tokio::select! {
            topic = feed.next() => Some(topic),
            _ = sweep.tick() => None,
        };
        let Some(vault) = vault.upgrade() else {
            return;
        };
        match changed {
            Some(Topic::Tokens | Topic::Users) => vault.cache.invalidate(),
            // Early, so that no more than a few rows are sealed with a key that is being replaced; what is not learnt now
            // is asked for when a row needs it.
            Some(Topic::DataKeys) => {
                if let Err(error) = vault.ring.reload().await {
                    tracing::warn!(%error, "the data keys were changed by another process, and cannot be taken up now");
                }
            }
            _ => {}
        }
        vault.cache.sweep(vault.clock.now());
    }
}
