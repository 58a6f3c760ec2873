//! The key that the audit log's checkpoints are signed with: a secret of Keyward's own, sealed in the cabinet under a name
//! that its public half gives. Which one signs is what the newest checkpoint says, so that every process knows.

use anyhow::Context;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_storage::audit::{self, CheckpointError, Hex, PublicKey, Signer};
use keyward_storage::{Database, StorageError};
use keyward_vault::{Expected, NewToken, TokenName, Vault};

/// The key that signs now. The first is made, with a checkpoint that names it, where there is none.
pub(crate) async fn signer(database: &Database, vault: &Vault, random: &Random) -> anyhow::Result<Signer> {
    if let Some(newest) = audit::newest_checkpoint(database).await? {
        return load(vault, newest.key_after()).await;
    }
    let made = make(vault).await?;
    match audit::make_checkpoint(database, random, &made).await {
        Ok(_) => Ok(made),
        // Another process was quicker, and its key counts.
        Err(CheckpointError::Key { .. } | CheckpointError::Storage(StorageError::Conflict)) => {
            vault.delete(&name(made.public_key())?).await?;
            let newest = audit::newest_checkpoint(database).await?.context("the first checkpoint is gone")?;
            load(vault, newest.key_after()).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes another key that signs from now on. The key so far signs a checkpoint that names it.
pub(crate) async fn rotate(database: &Database, vault: &Vault, random: &Random) -> anyhow::Result<PublicKey> {
    let before = signer(database, vault, random).await?;
    let next = make(vault).await?.public_key();
    let now = database.clock().now();
    let mut event = AuditEvent::new(now, Action::AuditKey, AuditResult::Ok);
    let detail = serde_json::json!({ "from": before.public_key().id(), "to": next.id() });
    event.detail = Some(detail.to_string());
    let mut transaction = database.begin("change the key of the audit log").await?;
    audit::append(&mut transaction, random, &[event]).await?;
    audit::change_key(transaction, now, random, &before, next).await?;
    Ok(next)
}

async fn load(vault: &Vault, key: PublicKey) -> anyhow::Result<Signer> {
    let stored = vault.get(&name(key)?).await?;
    let stored = stored.with_context(|| format!("the key {} of the audit log's checkpoints is not there", key.id()))?;
    let signer = of_pkcs8(stored.value.expose_secret())?;
    anyhow::ensure!(signer.public_key() == key, "the key {} of the audit log's checkpoints is another", key.id());
    Ok(signer)
}

async fn make(vault: &Vault) -> anyhow::Result<Signer> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| anyhow::anyhow!("the cryptographic library refused to make a key"))?;
    let signer = of_pkcs8(pkcs8.as_ref())?;
    let token = NewToken::new(Secret::new(pkcs8.as_ref().to_vec()))?;
    vault.put(&name(signer.public_key())?, &token, Expected::Absent).await?;
    Ok(signer)
}

fn of_pkcs8(pkcs8: &[u8]) -> anyhow::Result<Signer> {
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8)
        .map_err(|_| anyhow::anyhow!("what is stored is no key for the audit log's checkpoints"))?;
    let public = pair.public_key().as_ref().try_into().context("an Ed25519 key has 32 bytes")?;
    // A signature of another length does not exist; zeros verify as nothing.
    Ok(Signer::new(public, move |message| pair.sign(message).as_ref().try_into().unwrap_or([0; 64])))
}

fn name(key: Hex<32>) -> anyhow::Result<TokenName> {
    Ok(TokenName::own(&format!("audit.{}", key.id()))?)
}
