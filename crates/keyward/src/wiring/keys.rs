//! The key provider: what wraps the data keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_outbound::TlsConnector;
use keyward_storage::Database;
use keyward_storage::data_keys;
use keyward_vault::key::file::KeyFileError;
use keyward_vault::key::{AwsKms, AwsKmsConfig, OpenBaoTransit, Pkcs11Config, Pkcs11Key};
use keyward_vault::{Environment, KeyWrapper, RootKey, key};

use super::openbao;
use super::vault::secret;
use crate::config::{Keys, KeysKind, Loaded, TextValue};

/// The provider of `[keys]`; or that of `[next_keys]`, once the data keys are wrapped with it. So the configuration that a
/// change of the root key is made with opens the database before and after.
pub(super) async fn open(loaded: &Loaded, database: &Database, random: &Random) -> anyhow::Result<Arc<dyn KeyWrapper>> {
    if let Some(next) = &loaded.config.next_keys
        && let Some(id) = NextKey::Configured(Box::new(next.clone())).id(loaded)
        && data_keys::all(database).await?.iter().any(|row| row.wrapped_by == id)
    {
        return existing(loaded, next).await;
    }
    let keys = &loaded.config.keys;
    match keys.kind {
        KeysKind::File => Ok(Arc::new(key::file::load_or_create(&loaded.resolve(&keys.path), database, random).await?)),
        _ => existing(loaded, keys).await,
    }
}

/// The provider of `[keys]` for data keys that come from a recovery file. A key file that is not there is made, with
/// `root_key`, where that is known, or with a new one.
pub(crate) async fn open_or_put_back(
    loaded: &Loaded,
    root_key: Option<&RootKey>,
    random: &Random,
) -> anyhow::Result<Arc<dyn KeyWrapper>> {
    let keys = &loaded.config.keys;
    if keys.kind == KeysKind::File {
        let path = loaded.resolve(&keys.path);
        match (key::file::load(&path), root_key) {
            (Err(KeyFileError::Missing { .. }), Some(root_key)) => key::file::put_back(&path, root_key, random)?,
            (Err(KeyFileError::Missing { .. }), None) => drop(key::file::create(&path, random)?),
            (done, _) => return Ok(Arc::new(done?)),
        }
    }
    existing(loaded, keys).await
}

/// A provider that is there already; none is made.
async fn existing(loaded: &Loaded, keys: &Keys) -> anyhow::Result<Arc<dyn KeyWrapper>> {
    Ok(match keys.kind {
        KeysKind::File => Arc::new(key::file::load(&loaded.resolve(&keys.path))?),
        KeysKind::Env => Arc::new(key::env::load(&Environment::Process, &keys.env.0.to_text())?),
        KeysKind::AwsKms => Arc::new(aws_kms(loaded, keys)?),
        KeysKind::Pkcs11 => Arc::new(pkcs11(loaded, keys)?),
        KeysKind::OpenBaoTransit => Arc::new(openbao_transit(loaded, keys)?),
    })
}

fn aws_kms(loaded: &Loaded, keys: &Keys) -> anyhow::Result<AwsKms> {
    let section = keys.aws_kms.as_ref().context("kind = \"aws-kms\" needs a section [keys.aws_kms]")?;
    let config = AwsKmsConfig {
        key_id: section.key_id.clone(),
        region: section.region.clone(),
        endpoint: section.endpoint.as_ref().map(|url| url.0.to_text().parse()).transpose()?,
        access_key_id: secret(loaded, &section.access_key_id.0),
        secret_access_key: secret(loaded, &section.secret_access_key.0),
        session_token: section.session_token.as_ref().map(|place| secret(loaded, &place.0)),
        tls: TlsConnector::system(),
    };
    AwsKms::new(config, Clock::System).context("[keys.aws_kms] region is not the name of a region")
}

fn pkcs11(loaded: &Loaded, keys: &Keys) -> anyhow::Result<Pkcs11Key> {
    let section = keys.pkcs11.as_ref().context("kind = \"pkcs11\" needs a section [keys.pkcs11]")?;
    Ok(Pkcs11Key::new(Pkcs11Config {
        module: loaded.resolve(&section.module),
        token: section.token.clone(),
        key: section.key.clone(),
        pin: secret(loaded, &section.pin.0),
    }))
}

fn openbao_transit(loaded: &Loaded, keys: &Keys) -> anyhow::Result<OpenBaoTransit> {
    let section = keys.openbao_transit.as_ref();
    let section = section.context("kind = \"openbao-transit\" needs a section [keys.openbao_transit]")?;
    let server = openbao::server(loaded, "keys.openbao_transit", &section.server)?;
    Ok(OpenBaoTransit::new(server, &section.mount.0.0, &section.key.0.0))
}

/// The root key that is to be next.
pub(crate) enum NextKey {
    /// A file that the command line names.
    File(PathBuf),
    /// `[next_keys]`.
    Configured(Box<Keys>),
}

impl NextKey {
    /// What rows say that are wrapped with it, as far as that is known without making anything.
    pub(crate) fn id(&self, loaded: &Loaded) -> Option<String> {
        let of_file = |path: &Path| key::file::load(path).ok().map(|key| key.id().to_string());
        match self {
            Self::File(path) => of_file(path),
            Self::Configured(keys) => match keys.kind {
                KeysKind::File => of_file(&loaded.resolve(&keys.path)),
                KeysKind::Env => {
                    key::env::load(&Environment::Process, &keys.env.0.to_text()).ok().map(|key| key.id().to_string())
                }
                KeysKind::AwsKms => aws_kms(loaded, keys).ok().map(|key| key.id().to_owned()),
                KeysKind::Pkcs11 => pkcs11(loaded, keys).ok().map(|key| key.id().to_owned()),
                KeysKind::OpenBaoTransit => openbao_transit(loaded, keys).ok().map(|key| key.id().to_owned()),
            },
        }
    }

    /// Opens it; a key file is made when it is not there.
    pub(crate) async fn open(&self, loaded: &Loaded, random: &Random) -> anyhow::Result<Arc<dyn KeyWrapper>> {
        let path = match self {
            Self::File(path) => path.clone(),
            Self::Configured(keys) if keys.kind == KeysKind::File => loaded.resolve(&keys.path),
            Self::Configured(keys) => return existing(loaded, keys).await,
        };
        match key::file::load(&path) {
            Err(KeyFileError::Missing { .. }) => Ok(Arc::new(key::file::create(&path, random)?)),
            done => Ok(Arc::new(done?)),
        }
    }

    /// What the operator does now.
    pub(crate) fn advice(&self) -> String {
        match self {
            Self::File(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                format!(
                    "set [keys] kind = \"file\" and path = \"{}\"; keep the old file for old backups",
                    path.display()
                )
            }
            Self::Configured(_) => {
                "make [next_keys] the section [keys], and keep the old root key for old backups".to_owned()
            }
        }
    }
}
