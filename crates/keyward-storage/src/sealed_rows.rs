//! Every row that holds something sealed, whichever table it is in: what a change of data keys walks over. A table that
//! is not listed here would be left under a key that is thought unused; a test compares the list with both catalogs.

use std::collections::BTreeMap;

use keyward_core::id::UserId;
use uuid::Uuid;

use crate::error::StorageError;
use crate::sealed::SealedColumns;
use crate::value::Value;
use crate::{Database, Row, Transaction, params};

/// A table with a sealed value in each of its rows.
#[derive(Debug)]
pub struct SealedTable {
    /// Its name.
    pub name: &'static str,
    /// The column that names the data key.
    pub key_column: &'static str,
    /// `$1` is the key of the rows that are passed over, then the primary key of the row before, then how many.
    /// Columns: ciphertext, IV, tag, data key; the primary key; what the place is made of.
    walk: &'static str,
    /// `$1` to `$4` are the new columns, `$5` to `$7` data key, IV and tag as they are believed to be, then the primary key.
    reseal: &'static str,
    count: &'static str,
    /// A primary key before all others.
    first: fn() -> Vec<Value>,
    place: fn(&Row, usize) -> Result<SealedPlace, StorageError>,
}

/// What a sealed value is bound to, in the words of its row.
#[derive(Clone, Debug)]
pub enum SealedPlace {
    /// A token, or an earlier version of one.
    Token {
        /// Whether it is an earlier version.
        is_earlier: bool,
        /// The service.
        service: String,
        /// The name within the service.
        key: String,
        /// Whose it is: empty when shared, else the id of a user.
        owner: String,
        /// The version.
        version: i64,
    },
    /// The tokens of a person's grant at another authorization server.
    UpstreamGrant {
        /// The grant.
        id: Uuid,
        /// The connection that it is of.
        connection: String,
        /// Whose it is.
        owner: UserId,
        /// The version.
        version: i64,
    },
    /// The secret of a registration at another authorization server.
    UpstreamClient {
        /// The registration.
        id: Uuid,
        /// The authorization server, which is shown the secret.
        issuer: String,
    },
    /// A column of another room's table.
    Column {
        /// The table.
        table: &'static str,
        /// Which of its sealed columns.
        column: &'static str,
        /// The primary key as text; bytes in base64url.
        row: String,
    },
}

/// A sealed value and where it lies.
#[derive(Debug)]
pub struct SealedRow {
    table: &'static SealedTable,
    primary_key: Vec<Value>,
    /// What it is bound to.
    pub place: SealedPlace,
    /// The value.
    pub sealed: SealedColumns,
}

/// Every table there is.
pub const TABLES: &[SealedTable] = &[
    SealedTable {
        name: "tokens",
        key_column: "key_id",
        walk: "SELECT encrypted_value, iv, auth_tag, key_id, id, service_id, token_key, owner, version FROM tokens
            WHERE key_id <> $1 AND id > $2 ORDER BY id LIMIT $3",
        reseal: "UPDATE tokens SET encrypted_value = $1, iv = $2, auth_tag = $3, key_id = $4
            WHERE key_id = $5 AND iv = $6 AND auth_tag = $7 AND id = $8",
        count: "SELECT key_id, count(*) FROM tokens GROUP BY key_id",
        first: || vec![Uuid::nil().into()],
        place: |row, at| token(row, at, false),
    },
    SealedTable {
        name: "token_versions",
        key_column: "key_id",
        walk: "SELECT v.encrypted_value, v.iv, v.auth_tag, v.key_id, v.token_id, v.version, t.service_id, t.token_key,
                t.owner, v.version
            FROM token_versions v JOIN tokens t ON t.id = v.token_id
            WHERE v.key_id <> $1 AND (v.token_id, v.version) > ($2, $3) ORDER BY v.token_id, v.version LIMIT $4",
        reseal: "UPDATE token_versions SET encrypted_value = $1, iv = $2, auth_tag = $3, key_id = $4
            WHERE key_id = $5 AND iv = $6 AND auth_tag = $7 AND token_id = $8 AND version = $9",
        count: "SELECT key_id, count(*) FROM token_versions GROUP BY key_id",
        first: || vec![Uuid::nil().into(), 0_i64.into()],
        place: |row, at| token(row, at, true),
    },
    SealedTable {
        name: "refresh_tokens",
        key_column: "successor_key_id",
        walk: "SELECT successor_sealed, successor_iv, successor_tag, successor_key_id, hash FROM refresh_tokens
            WHERE successor_key_id <> $1 AND hash > $2 ORDER BY hash LIMIT $3",
        reseal: "UPDATE refresh_tokens SET successor_sealed = $1, successor_iv = $2, successor_tag = $3,
                successor_key_id = $4
            WHERE successor_key_id = $5 AND successor_iv = $6 AND successor_tag = $7 AND hash = $8",
        count: "SELECT successor_key_id, count(*) FROM refresh_tokens WHERE successor_key_id IS NOT NULL
            GROUP BY successor_key_id",
        first: || vec![Vec::<u8>::new().into()],
        place: |row, _| {
            use base64::Engine;
            let hash: Vec<u8> = row.get(4)?;
            let row = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash);
            Ok(SealedPlace::Column { table: "refresh_tokens", column: "successor", row })
        },
    },
    SealedTable {
        name: "signing_keys",
        key_column: "key_id",
        walk: "SELECT sealed, iv, auth_tag, key_id, kid FROM signing_keys
            WHERE key_id <> $1 AND kid > $2 ORDER BY kid LIMIT $3",
        reseal: "UPDATE signing_keys SET sealed = $1, iv = $2, auth_tag = $3, key_id = $4
            WHERE key_id = $5 AND iv = $6 AND auth_tag = $7 AND kid = $8",
        count: "SELECT key_id, count(*) FROM signing_keys GROUP BY key_id",
        first: || vec!["".into()],
        place: |row, _| Ok(SealedPlace::Column { table: "signing_keys", column: "private", row: row.get(4)? }),
    },
    SealedTable {
        name: "upstream_grants",
        key_column: "key_id",
        walk: "SELECT sealed, iv, auth_tag, key_id, id, connection, user_id, version FROM upstream_grants
            WHERE key_id <> $1 AND id > $2 ORDER BY id LIMIT $3",
        reseal: "UPDATE upstream_grants SET sealed = $1, iv = $2, auth_tag = $3, key_id = $4
            WHERE key_id = $5 AND iv = $6 AND auth_tag = $7 AND id = $8",
        count: "SELECT key_id, count(*) FROM upstream_grants GROUP BY key_id",
        first: || vec![Uuid::nil().into()],
        place: |row, at| {
            let (connection, owner, version) = (row.get(at)?, row.get(at + 1)?, row.get(at + 2)?);
            Ok(SealedPlace::UpstreamGrant { id: row.get(4)?, connection, owner, version })
        },
    },
    SealedTable {
        name: "upstream_clients",
        key_column: "key_id",
        walk: "SELECT sealed, iv, auth_tag, key_id, id, issuer FROM upstream_clients
            WHERE key_id <> $1 AND id > $2 ORDER BY id LIMIT $3",
        reseal: "UPDATE upstream_clients SET sealed = $1, iv = $2, auth_tag = $3, key_id = $4
            WHERE key_id = $5 AND iv = $6 AND auth_tag = $7 AND id = $8",
        count: "SELECT key_id, count(*) FROM upstream_clients GROUP BY key_id",
        first: || vec![Uuid::nil().into()],
        place: |row, at| Ok(SealedPlace::UpstreamClient { id: row.get(4)?, issuer: row.get(at)? }),
    },
    SealedTable {
        name: "upstream_authorizations",
        key_column: "key_id",
        walk: "SELECT sealed, iv, auth_tag, key_id, id FROM upstream_authorizations
            WHERE key_id <> $1 AND id > $2 ORDER BY id LIMIT $3",
        reseal: "UPDATE upstream_authorizations SET sealed = $1, iv = $2, auth_tag = $3, key_id = $4
            WHERE key_id = $5 AND iv = $6 AND auth_tag = $7 AND id = $8",
        count: "SELECT key_id, count(*) FROM upstream_authorizations GROUP BY key_id",
        first: || vec![Uuid::nil().into()],
        place: |row, _| {
            let row = row.get::<Uuid>(4)?.to_string();
            Ok(SealedPlace::Column { table: "upstream_authorizations", column: "code_verifier", row })
        },
    },
];

fn token(row: &Row, at: usize, is_earlier: bool) -> Result<SealedPlace, StorageError> {
    Ok(SealedPlace::Token {
        is_earlier,
        service: row.get(at)?,
        key: row.get(at + 1)?,
        owner: row.get(at + 2)?,
        version: row.get(at + 3)?,
    })
}

/// The next rows of `table` that are under another data key than `not_under`, at most `limit`, in the order of the primary
/// key, after the row `after`.
pub async fn walk(
    db: &Database,
    table: &'static SealedTable,
    not_under: &str,
    after: Option<&SealedRow>,
    limit: i64,
) -> Result<Vec<SealedRow>, StorageError> {
    let after = after.map_or_else(table.first, |row| row.primary_key.clone());
    let params = [vec![not_under.into()], after, vec![limit.into()]].concat();
    let primary_key_len = params.len() - 2;
    let read = |row: &Row| {
        Ok(SealedRow {
            table,
            primary_key: row.values(4, 4 + primary_key_len)?,
            place: (table.place)(row, 4 + primary_key_len)?,
            sealed: SealedColumns::from_row(row, 0)?,
        })
    };
    db.query(table.walk, &params).await?.iter().map(read).collect()
}

/// Puts `sealed` in the place of what `row` holds; whether the row was still as it was read.
pub async fn reseal(
    transaction: &mut Transaction,
    row: &SealedRow,
    sealed: &SealedColumns,
) -> Result<bool, StorageError> {
    let (new, old) = (sealed, &row.sealed);
    let columns = params![
        new.ciphertext.as_slice(),
        new.iv.as_slice(),
        new.tag.as_slice(),
        &new.key_id,
        &old.key_id,
        old.iv.as_slice(),
        old.tag.as_slice(),
    ];
    Ok(transaction.execute(row.table.reseal, &[&columns[..], &row.primary_key].concat()).await? == 1)
}

/// How many rows each data key seals.
pub async fn counts(db: &Database) -> Result<BTreeMap<String, u64>, StorageError> {
    let mut counts = BTreeMap::new();
    for table in TABLES {
        add(&mut counts, &db.query(table.count, &[]).await?)?;
    }
    Ok(counts)
}

/// The same, as a transaction sees it.
pub async fn counts_in(transaction: &mut Transaction) -> Result<BTreeMap<String, u64>, StorageError> {
    let mut counts = BTreeMap::new();
    for table in TABLES {
        add(&mut counts, &transaction.query(table.count, &[]).await?)?;
    }
    Ok(counts)
}

fn add(counts: &mut BTreeMap<String, u64>, rows: &[Row]) -> Result<(), StorageError> {
    for row in rows {
        *counts.entry(row.get(0)?).or_default() += row.get::<u64>(1)?;
    }
    Ok(())
}
