//! The cabinet: its root key and its stores.

use std::collections::BTreeMap;

use anyhow::Context;
use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_storage::Database;
use keyward_storage::audit::AuditLog;
use keyward_vault::{CacheTimes, Environment, StoreConfig, StoreKind, Vault, key};

use crate::config::{AuditMode, KeysKind, Loaded, TextValue, TokenStore, TokenStoreKind};

/// Opens the cabinet; refuses when the root key does not open what the database holds.
pub(crate) async fn open(
    loaded: &Loaded,
    database: &Database,
    clock: &Clock,
    random: &Random,
    audit: &AuditLog,
) -> anyhow::Result<Vault> {
    let keys = &loaded.config.keys;
    let root = match keys.kind {
        KeysKind::File => key::file::load_or_create(&loaded.resolve(&keys.path), database, random).await?,
        KeysKind::Env => key::env::load(&Environment::Process, &keys.env.0.to_text())?,
    };
    let stores = stores(loaded);
    Vault::open(database.clone(), root, stores, clock.clone(), random.clone(), audit.clone())
        .await
        .context("the key cabinet cannot be opened")
}

fn stores(loaded: &Loaded) -> StoreConfig {
    let section = &loaded.config.token_store;
    let stores = match &section.kind {
        Some(kinds) => kinds.0.iter().map(|kind| store(section, *kind)).collect(),
        None => vec![StoreKind::Sql],
    };
    StoreConfig {
        stores,
        times: CacheTimes { fresh: section.fresh_for.0.0, usable: section.usable_for.0.0 },
        audit_required: loaded.config.audit.mode == AuditMode::FailClosed,
    }
}

fn store(section: &TokenStore, kind: TokenStoreKind) -> StoreKind {
    match kind {
        TokenStoreKind::Env => {
            let mapped =
                section.env.iter().filter_map(|(name, variable)| Some((name.parse().ok()?, variable.0.to_text())));
            StoreKind::Env { environment: Environment::Process, mapped: mapped.collect::<BTreeMap<_, _>>() }
        }
        TokenStoreKind::Sqlite | TokenStoreKind::Postgres => StoreKind::Sql,
    }
}
