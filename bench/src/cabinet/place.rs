//! A cabinet of the benchmark's own, filled with as many tokens as a case needs.

use std::path::Path;

use anyhow::{Context, Result};
use keyward_core::clock::Clock;
use keyward_core::id::uuid_v7;
use keyward_core::random::Random;
use keyward_storage::audit::AuditLog;
use keyward_storage::tokens::{self, TokenRow};
use keyward_storage::{Database, StorageConfig};
use keyward_vault::{CacheTimes, Place, StoreConfig, StoreKind, TokenName, Vault, key};

/// How long the value of each token is.
pub(crate) const VALUE_LEN: usize = 1_024;
/// Rows of one transaction while filling.
const BATCH: u32 = 10_000;

/// An open cabinet and what it lies on.
pub(crate) struct Cabinet {
    pub(crate) database: Database,
    pub(crate) vault: Vault,
}

impl Cabinet {
    /// Opens the one at `url`, with the key file in `directory`; makes both when they are not there.
    pub(crate) async fn open(url: &str, directory: &Path) -> Result<Self> {
        let (clock, random) = (Clock::System, Random::system());
        let config = StorageConfig { url: url.to_owned(), max_connections: 8 };
        let database = Database::open(&config, clock.clone()).await.with_context(|| format!("cannot open {url}"))?;
        database.migrate().await?;
        let (audit, writer) = AuditLog::new(database.clone(), random.clone());
        tokio::spawn(writer);
        let root = key::file::load_or_create(&directory.join("keyward.key"), &database, &random).await?;
        let stores = StoreConfig { stores: vec![StoreKind::Sql], times: CacheTimes::default(), audit_required: false };
        let vault = Vault::open(database.clone(), root, stores, clock, random, audit).await?;
        Ok(Self { database, vault })
    }

    /// Puts tokens in until there are `count`, sealed as the cabinet seals them and written many at a time.
    pub(crate) async fn fill(&self, count: u32) -> Result<()> {
        let (clock, random) = (Clock::System, Random::system());
        let row = self.database.query_opt("SELECT count(*) FROM tokens WHERE service_id = 'bench'", &[]).await?;
        let there: u32 = row.context("no count")?.get(0)?;
        let mut next = there;
        while next < count {
            let until = count.min(next + BATCH);
            let mut rows = Vec::new();
            for number in next..until {
                let name = name(number)?;
                let sealed = self.vault.seal_blob(&Place::token(&name, 1), &value(number)).await?;
                let now = clock.now();
                rows.push(TokenRow {
                    id: uuid_v7(now, &random)?,
                    service_id: name.service().to_owned(),
                    token_key: name.key().to_owned(),
                    owner: String::new(),
                    encrypted_value: sealed.ciphertext,
                    iv: sealed.iv.to_vec(),
                    auth_tag: sealed.tag.to_vec(),
                    created_at: now,
                    updated_at: now,
                    version: 1,
                    key_id: sealed.key_id.as_str().to_owned(),
                    kind: "static".to_owned(),
                    expires_at: None,
                    metadata: "{}".to_owned(),
                });
            }
            let mut transaction = self.database.begin("fill the benchmark's cabinet").await?;
            for row in &rows {
                tokens::insert(&mut transaction, row).await?;
            }
            transaction.commit().await?;
            next = until;
        }
        Ok(())
    }
}

/// The name of one of many tokens.
pub(crate) fn name(number: u32) -> Result<TokenName> {
    Ok(format!("bench/token-{number:07}").parse()?)
}

/// The value of one of many tokens: printable, all different.
pub(crate) fn value(number: u32) -> Vec<u8> {
    format!("{number:07}-").bytes().cycle().take(VALUE_LEN).collect()
}
