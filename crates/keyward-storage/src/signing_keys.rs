//! The authorization server's signing keys: the public part as a JWK (RFC 7517), the private part sealed by the vault.

use keyward_core::clock::Timestamp;

use crate::error::StorageError;
use crate::sealed::SealedColumns;
use crate::{Database, Row, Transaction, params};

/// One key.
#[derive(Debug)]
pub struct SigningKey {
    /// Its id: the thumbprint of its public part (RFC 7638).
    pub kid: String,
    /// What it signs with (RFC 7518 §3.1).
    pub alg: String,
    /// The public part, JSON.
    pub public_jwk: String,
    /// The private part (PKCS #8).
    pub private: SealedColumns,
    /// What it is used for.
    pub state: SigningKeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when tokens that it signed may be about, once it signs no more.
    pub retire_after: Option<Timestamp>,
}

/// What a key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningKeyState {
    /// It is shown, so that caches learn of it, and signs nothing yet.
    Published,
    /// It signs.
    Active,
    /// It signs no more, and is shown until its last token has ended.
    Retired,
}

impl SigningKeyState {
    const ALL: [Self; 3] = [Self::Published, Self::Active, Self::Retired];

    /// The word as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}

fn from_row(row: &Row) -> Result<SigningKey, StorageError> {
    let state: String = row.get(3)?;
    let state = SigningKeyState::ALL.into_iter().find(|known| known.as_str() == state);
    Ok(SigningKey {
        kid: row.get(0)?,
        alg: row.get(1)?,
        public_jwk: row.get(2)?,
        private: SealedColumns::from_row(row, 6)?,
        state: state.ok_or_else(|| StorageError::Inconsistent { what: "signing_keys.state" })?,
        created_at: row.get(4)?,
        retire_after: row.get(5)?,
    })
}

/// Every key whose tokens may still be about at `now`, newest first.
pub async fn list_live(db: &Database, now: Timestamp) -> Result<Vec<SigningKey>, StorageError> {
    let rows = db
        .query(
            "SELECT kid, alg, public_jwk, state, created_at, retire_after, sealed, iv, auth_tag, key_id FROM signing_keys \
             WHERE retire_after IS NULL OR retire_after > $1 ORDER BY created_at DESC, kid",
            params![now],
        )
        .await?;
    rows.iter().map(from_row).collect()
}

/// Whether there is a key that signs.
pub async fn has_active(tx: &mut Transaction) -> Result<bool, StorageError> {
    let row = tx.query_opt("SELECT kid FROM signing_keys WHERE state = 'active' LIMIT 1", params![]).await?;
    Ok(row.is_some())
}

/// Stores a new key.
pub async fn insert(tx: &mut Transaction, key: &SigningKey) -> Result<(), StorageError> {
    tx.execute(
        "INSERT INTO signing_keys (kid, alg, public_jwk, state, created_at, sealed, iv, auth_tag, key_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            key.kid.as_str(),
            key.alg.as_str(),
            key.public_jwk.as_str(),
            key.state.as_str(),
            key.created_at,
            key.private.ciphertext.clone(),
            key.private.iv.clone(),
            key.private.tag.clone(),
            key.private.key_id.as_str(),
        ],
    )
    .await
    .map(drop)
}

/// Lets every active key sign no more; it is shown until `retire_after`.
pub async fn retire_active(tx: &mut Transaction, retire_after: Timestamp) -> Result<u64, StorageError> {
    tx.execute(
        "UPDATE signing_keys SET state = 'retired', retire_after = $1 WHERE state = 'active'",
        params![retire_after],
    )
    .await
}
