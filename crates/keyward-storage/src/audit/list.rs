//! Reading the audit log.

use keyward_core::clock::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::chain::Hash;
use crate::database::Database;
use crate::error::StorageError;
use crate::params;
use crate::row::Row;

/// Which records to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only this action.
    pub action: Option<String>,
    /// Only this server or service.
    pub service_id: Option<String>,
    /// Only this person.
    pub user_email: Option<String>,
    /// Only records from this time on.
    pub since: Option<Timestamp>,
    /// At most so many.
    pub limit: u32,
}

/// Before and after every record: the first and the last year that both databases know.
const BEGINNING: Timestamp = Timestamp::from_seconds(-62_167_219_200);
const END: Timestamp = Timestamp::from_seconds(253_402_207_200);

impl AuditFilter {
    fn texts(&self) -> [String; 3] {
        [&self.action, &self.service_id, &self.user_email].map(|text| text.clone().unwrap_or_default())
    }
}

/// One record.
#[derive(Clone, Debug, Serialize)]
pub struct AuditRecord {
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// Its id.
    pub id: Uuid,
    /// When the act began.
    pub created_at: Timestamp,
    /// What was done.
    pub action: String,
    /// How it ended.
    pub result: String,
    /// The server or service.
    pub service_id: Option<String>,
    /// The name of the token.
    pub token_key: Option<String>,
    /// The person.
    pub user_email: Option<String>,
    /// The OAuth client.
    pub client_id: Option<String>,
    /// The call.
    pub request_id: Option<Uuid>,
    /// More facts, a JSON object.
    pub detail: Option<String>,
    #[serde(skip)]
    pub(super) prev_hash: Vec<u8>,
    #[serde(skip)]
    pub(super) hash: Vec<u8>,
}

impl AuditRecord {
    pub(super) fn read(row: &Row) -> Result<Self, StorageError> {
        Ok(Self {
            seq: row.get(0)?,
            id: row.get(1)?,
            service_id: row.get(2)?,
            action: row.get(3)?,
            user_email: row.get(4)?,
            token_key: row.get(5)?,
            result: row.get(6)?,
            created_at: row.get(7)?,
            client_id: row.get(8)?,
            request_id: row.get(9)?,
            detail: row.get(10)?,
            prev_hash: row.get(11)?,
            hash: row.get(12)?,
        })
    }

    /// The chain's hash after this record, if it follows `previous`.
    pub(super) fn link(&self, previous: &Hash) -> Hash {
        super::chain::Content {
            seq: self.seq,
            id: self.id,
            at: self.created_at,
            action: &self.action,
            result: &self.result,
            service_id: self.service_id.as_deref(),
            token_key: self.token_key.as_deref(),
            user_email: self.user_email.as_deref(),
            client_id: self.client_id.as_deref(),
            request_id: self.request_id,
            detail: self.detail.as_deref(),
        }
        .link(previous)
    }
}

macro_rules! columns {
    () => {
        "seq, id, service_id, action, user_email, token_key, result, created_at, client_id, request_id, detail, \
         prev_hash, hash"
    };
}

/// The rows after record `last`, in their order, at most `limit`.
pub(super) async fn page(database: &Database, last: i64, limit: i64) -> Result<Vec<Row>, StorageError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM audit_log WHERE seq > $1 ORDER BY seq LIMIT $2");
    database.query(SQL, params![last, limit]).await
}

/// The rows after record `last` that `filter` and `until` let through, in their order, at most `limit`.
pub(super) async fn matching(
    database: &Database,
    filter: &AuditFilter,
    until: Option<Timestamp>,
    last: i64,
    limit: u32,
) -> Result<Vec<Row>, StorageError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM audit_log WHERE ($1 = '' OR action = $1) AND ($2 = '' OR service_id = $2) AND ($3 = '' OR user_email = $3) \
         AND created_at >= $4 AND created_at < $5 AND seq > $6 ORDER BY seq LIMIT $7"
    );
    let [action, service_id, user_email] = filter.texts();
    let (since, until) = (filter.since.unwrap_or(BEGINNING), until.unwrap_or(END));
    database.query(SQL, params![action, service_id, user_email, since, until, last, limit]).await
}

/// The records that `filter` lets through, newest first.
pub async fn list(database: &Database, filter: &AuditFilter) -> Result<Vec<AuditRecord>, StorageError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM audit_log WHERE ($1 = '' OR action = $1) AND ($2 = '' OR service_id = $2) AND ($3 = '' OR user_email = $3) \
         AND created_at >= $4 ORDER BY seq DESC LIMIT $5"
    );
    let [action, service_id, user_email] = filter.texts();
    let values = params![action, service_id, user_email, filter.since.unwrap_or(BEGINNING), filter.limit];
    database.query(SQL, values).await?.iter().map(AuditRecord::read).collect()
}
