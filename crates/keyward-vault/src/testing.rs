//! A cabinet on each of the databases, for the tests of this crate.

use keyward_core::clock::{Clock, ManualClock, Timestamp};
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_storage::Database;
use keyward_storage::audit::AuditLog;

use crate::error::VaultError;
use crate::key::RootKey;
use crate::name::TokenName;
use crate::store::NewToken;
use crate::vault::{StoreConfig, StoreKind, Vault};

/// What a test of the cabinet starts from: a database, and a root key that it may open with again and again.
pub(crate) struct Ground {
    pub(crate) db: Database,
    pub(crate) clock: ManualClock,
    pub(crate) audit: AuditLog,
    _directory: tempfile::TempDir,
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

    pub(crate) async fn vault_with(&self, root: RootKey) -> Result<Vault, VaultError> {
        let stores = StoreConfig { stores: vec![StoreKind::Sql], audit_required: true };
        Vault::open(self.db.clone(), root, stores, self.clock(), Random::system(), self.audit.clone()).await
    }

    /// Changes rows behind the cabinet's back, as a database administrator can.
    pub(crate) async fn tamper(&self, sql: &'static str) {
        assert!(self.db.execute(sql, &[]).await.expect(sql) > 0, "nothing was changed by: {sql}");
    }
}

/// One for each database.
pub(crate) async fn grounds() -> Vec<Ground> {
    let clock = ManualClock::new(Timestamp::from_seconds(1_700_000_000));
    let directory = tempfile::tempdir().expect("directory");
    let url = format!("sqlite:{}", directory.path().join("keyward.db").display());
    let config = keyward_storage::StorageConfig { url, max_connections: 4 };
    let db = Database::open(&config, Clock::Manual(clock.clone())).await.expect("db");
    db.migrate().await.expect("migrated");
    let root = RootKey::generate(&Random::system(), "a test").expect("root key").to_text();
    let (audit, writer) = AuditLog::new(db.clone(), Random::system());
    tokio::spawn(writer);
    vec![Ground { db, clock, audit, _directory: directory, root }]
}

pub(crate) fn name(text: &str) -> TokenName {
    text.parse().expect("name")
}

pub(crate) fn token(value: &str) -> NewToken {
    NewToken::new(Secret::from_text(value.to_owned())).expect("value")
}
