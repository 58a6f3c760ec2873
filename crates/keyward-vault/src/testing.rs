//! A cabinet on each of the databases, for the tests of this crate.

use keyward_core::clock::{Clock, ManualClock, Timestamp};
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_storage::Database;
use keyward_storage::audit::{AuditFilter, AuditLog, AuditRecord};
use keyward_storage::testing::{Fresh, databases};

use crate::cache::CacheTimes;
use crate::environment::Environment;
use crate::error::VaultError;
use crate::key::RootKey;
use crate::name::TokenName;
use crate::secret_source::SecretSource;
use crate::store::NewToken;
use crate::store::sql::SqlStore;
use crate::vault::{StoreConfig, StoreKind, Vault};

/// What a test of the cabinet starts from: a database, and a root key that it may open with again and again.
pub(crate) struct Ground {
    pub(crate) db: Database,
    pub(crate) clock: ManualClock,
    pub(crate) audit: AuditLog,
    fresh: Fresh,
    root: Secret,
}

impl Ground {
    pub(crate) fn clock(&self) -> Clock {
        Clock::Manual(self.clock.clone())
    }

    pub(crate) fn root(&self) -> RootKey {
        RootKey::parse(&self.root, "the file keyward.key").expect("root key")
    }

    /// The cabinet, as another process or a restart would open it.
    pub(crate) async fn vault(&self) -> Vault {
        self.vault_with(self.root()).await.expect("vault")
    }

    /// The store on the database alone.
    pub(crate) async fn sql(&self) -> SqlStore {
        self.vault().await.sql_store()
    }

    pub(crate) async fn vault_with(&self, root: RootKey) -> Result<Vault, VaultError> {
        let stores = StoreConfig { stores: vec![StoreKind::Sql], times: CacheTimes::default(), audit_required: true };
        Vault::open(self.db.clone(), root, stores, self.clock(), Random::system(), self.audit.clone()).await
    }

    pub(crate) async fn vault_on(&self, stores: Vec<StoreKind>) -> Vault {
        let stores = StoreConfig { stores, times: CacheTimes::default(), audit_required: true };
        let opened =
            Vault::open(self.db.clone(), self.root(), stores, self.clock(), Random::system(), self.audit.clone());
        opened.await.expect("vault")
    }

    /// Another process on the same database: news of it comes by the database alone.
    pub(crate) async fn vault_of_another_process(&self) -> Vault {
        self.vault_of_another_process_on(vec![StoreKind::Sql]).await
    }

    pub(crate) async fn vault_of_another_process_on(&self, stores: Vec<StoreKind>) -> Vault {
        let db = self.db_of_another_process().await;
        self.vault_over(db, stores).await
    }

    /// Another process, to which no news comes: what it has is what it read.
    pub(crate) async fn vault_that_hears_nothing(&self) -> Vault {
        self.vault_over(self.fresh.open_again(self.clock()).await, vec![StoreKind::Sql]).await
    }

    async fn vault_over(&self, db: Database, stores: Vec<StoreKind>) -> Vault {
        let stores = StoreConfig { stores, times: CacheTimes::default(), audit_required: true };
        Vault::open(db, self.root(), stores, self.clock(), Random::system(), self.audit.clone()).await.expect("vault")
    }

    /// The database, as another process has it.
    pub(crate) async fn db_of_another_process(&self) -> Database {
        let db = self.fresh.open_again(self.clock()).await;
        tokio::spawn(db.changes().watch());
        db
    }

    /// What the audit log says so far, the first record first.
    pub(crate) async fn audited(&self) -> Vec<AuditRecord> {
        self.audit.flush().await;
        let filter = AuditFilter { limit: 1_000, ..AuditFilter::default() };
        let mut records = keyward_storage::audit::list(&self.db, &filter).await.expect("audit");
        records.sort_by_key(|record| record.seq);
        records
    }

    /// Changes rows behind the cabinet's back, as a database administrator can.
    pub(crate) async fn tamper(&self, sql: &'static str) {
        assert!(self.db.execute(sql, &[]).await.expect(sql) > 0, "nothing was changed by: {sql}");
    }
}

/// One for each database.
pub(crate) async fn grounds() -> Vec<Ground> {
    let start = Timestamp::from_seconds(1_700_000_000);
    let mut grounds = Vec::new();
    for fresh in databases(&Clock::Manual(ManualClock::new(start))).await {
        let db = fresh.database.clone();
        let (audit, writer) = AuditLog::new(db.clone(), Random::system());
        tokio::spawn(writer);
        let root = RootKey::generate(&Random::system(), "a test").expect("root key").to_text();
        grounds.push(Ground { db, clock: ManualClock::new(start), audit, root, fresh });
    }
    grounds
}

/// Lets the cabinet hear of changes of its own, which make what it has cached stale, too.
pub(crate) async fn news_is_heard() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn name(text: &str) -> TokenName {
    text.parse().expect("name")
}

pub(crate) fn token(value: &str) -> NewToken {
    NewToken::new(Secret::from_text(value.to_owned())).expect("value")
}

/// A place that holds this secret.
pub(crate) fn client_secret(text: &str) -> SecretSource {
    SecretSource::Environment { environment: Environment::of([("SECRET", text)]), variable: "SECRET".to_owned() }
}
