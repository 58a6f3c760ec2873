//! The cabinet: its root key and its stores.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_storage::Database;
use keyward_storage::audit::AuditLog;
use keyward_vault::{
    CacheTimes, Environment, InfisicalConfig, OpenBaoStoreConfig, SecretSource, StoreConfig, StoreKind, Vault,
};

use super::{keys, openbao};
use crate::config::{AuditMode, Loaded, SecretPlace, StorageUrl, TextValue, TokenStoreKind};

/// Opens the cabinet; refuses when the root key does not open what the database holds.
pub(crate) async fn open(
    loaded: &Loaded,
    database: &Database,
    clock: &Clock,
    random: &Random,
    audit: &AuditLog,
) -> anyhow::Result<Vault> {
    let keys = keys::open(loaded, database, random).await?;
    let stores = stores(loaded)?;
    Vault::open(database.clone(), keys, stores, clock.clone(), random.clone(), audit.clone())
        .await
        .context("the key cabinet cannot be opened")
}

fn stores(loaded: &Loaded) -> anyhow::Result<StoreConfig> {
    let section = &loaded.config.token_store;
    let stores = match &section.kind {
        Some(kinds) => kinds.0.iter().map(|kind| store(loaded, *kind)).collect::<anyhow::Result<_>>()?,
        None => vec![StoreKind::Sql],
    };
    Ok(StoreConfig {
        stores,
        times: CacheTimes { fresh: section.fresh_for.0.0, usable: section.usable_for.0.0 },
        audit_required: loaded.config.audit.mode == AuditMode::FailClosed,
    })
}

/// A store that the configuration describes, whether or not it is in use.
pub(crate) fn store(loaded: &Loaded, kind: TokenStoreKind) -> anyhow::Result<StoreKind> {
    let section = &loaded.config.token_store;
    Ok(match kind {
        TokenStoreKind::Env => {
            let mapped =
                section.env.iter().filter_map(|(name, variable)| Some((name.parse().ok()?, variable.0.to_text())));
            StoreKind::Env { environment: Environment::Process, mapped: mapped.collect::<BTreeMap<_, _>>() }
        }
        TokenStoreKind::Sqlite | TokenStoreKind::Postgres => {
            let other = match (kind, &loaded.config.storage.url.0) {
                (TokenStoreKind::Sqlite, StorageUrl::Postgres(_)) => Some("PostgreSQL"),
                (TokenStoreKind::Postgres, StorageUrl::Sqlite(_)) => Some("SQLite"),
                _ => None,
            };
            if let Some(other) = other {
                bail!("the database of [storage] is {other}: a whole database goes to another by backup and restore")
            }
            StoreKind::Sql
        }
        TokenStoreKind::OpenBao => {
            let section = section.openbao.as_ref().context("there is no [token_store.openbao]")?;
            StoreKind::OpenBao(OpenBaoStoreConfig {
                server: openbao::server(loaded, "token_store.openbao", &section.server)?,
                mount: section.mount.0.0.clone(),
                prefix: section.prefix.0.0.clone(),
                seal: section.seal,
            })
        }
        TokenStoreKind::Infisical => {
            let section = section.infisical.as_ref().context("there is no [token_store.infisical]")?;
            StoreKind::Infisical(InfisicalConfig {
                url: section.url.0.0.parse().context("[token_store.infisical] url")?,
                project_id: section.project_id.clone(),
                environment: section.environment.clone(),
                path: section.path.0.0.clone(),
                client_id: section.client_id.clone(),
                client_secret: secret(loaded, &section.client_secret.0),
                seal: section.seal,
            })
        }
    })
}

pub(super) fn secret(loaded: &Loaded, place: &SecretPlace) -> SecretSource {
    match place {
        SecretPlace::Environment(variable) => {
            SecretSource::Environment { environment: Environment::Process, variable: variable.clone() }
        }
        SecretPlace::File(path) => SecretSource::File(loaded.resolve(path)),
    }
}
