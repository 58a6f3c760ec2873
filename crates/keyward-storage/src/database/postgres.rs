//! PostgreSQL: a pool of connections, prepared statements kept on each.

use std::time::Duration;

use bytes::BytesMut;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use keyward_core::clock::Timestamp;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres::config::{Config, SslMode};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

use crate::error::StorageError;
use crate::row::Row;
use crate::value::Value;

/// How long a call waits for a connection, a new one or one that is in use.
const WAIT: Duration = Duration::from_secs(5);
/// Microseconds from the Unix epoch to 2000-01-01, PostgreSQL's.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

#[derive(Clone)]
pub(super) struct Postgres {
    pool: Pool,
    config: Config,
}

impl Postgres {
    pub(super) async fn open(url: &str, max_connections: usize) -> Result<Self, StorageError> {
        let config = parse(url)?;
        let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match config.get_ssl_mode() {
            SslMode::Disable => Manager::from_config(config.clone(), tokio_postgres::NoTls, manager_config),
            _ => Manager::from_config(config.clone(), tls()?, manager_config),
        };
        let pool = Pool::builder(manager)
            .max_size(max_connections.max(2))
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts { wait: Some(WAIT), create: Some(WAIT), recycle: Some(WAIT) })
            .build()
            .map_err(|error| StorageError::Unavailable(error.into()))?;
        let postgres = Self { pool, config };
        postgres.query("SELECT 1", &[]).await?;
        Ok(postgres)
    }

    pub(super) async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StorageError> {
        query(&self.pool.get().await?, sql, params).await
    }

    pub(super) async fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, StorageError> {
        execute(&self.pool.get().await?, sql, params).await
    }

    pub(super) async fn begin(&self) -> Result<PostgresTransaction, StorageError> {
        let connection = self.pool.get().await?;
        let transaction = PostgresTransaction { connection: Some(connection) };
        transaction.batch("BEGIN").await?;
        Ok(transaction)
    }

    /// A connection of its own, for `LISTEN`; its messages are polled by the caller.
    pub(super) async fn listen(
        &self,
        channel: &str,
        mut on_notification: impl FnMut(&str) + Send,
    ) -> Result<(), StorageError> {
        match self.config.get_ssl_mode() {
            SslMode::Disable => {
                let (client, connection) = self.config.connect(tokio_postgres::NoTls).await?;
                listen(client, connection, channel, &mut on_notification).await
            }
            _ => {
                let (client, connection) = self.config.connect(tls()?).await?;
                listen(client, connection, channel, &mut on_notification).await
            }
        }
    }
}

async fn listen<S, T>(
    client: tokio_postgres::Client,
    mut connection: tokio_postgres::Connection<S, T>,
    channel: &str,
    on_notification: &mut (impl FnMut(&str) + Send),
) -> Result<(), StorageError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let sql = format!("LISTEN {channel}");
    let mut listening = std::pin::pin!(client.batch_execute(&sql));
    let mut is_listening = false;
    loop {
        tokio::select! {
            done = &mut listening, if !is_listening => { done?; is_listening = true; }
            message = std::future::poll_fn(|context| connection.poll_message(context)) => match message {
                Some(Ok(tokio_postgres::AsyncMessage::Notification(notification))) => on_notification(notification.payload()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            },
        }
    }
}

/// A transaction. Dropped without a commit, its connection is closed, and the server rolls it back.
pub(super) struct PostgresTransaction {
    connection: Option<Object>,
}

impl PostgresTransaction {
    fn connection(&self) -> Result<&Object, StorageError> {
        self.connection.as_ref().ok_or(StorageError::Inconsistent { what: "a transaction after its end" })
    }

    pub(super) async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StorageError> {
        query(self.connection()?, sql, params).await
    }

    pub(super) async fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, StorageError> {
        execute(self.connection()?, sql, params).await
    }

    pub(super) async fn batch(&self, sql: &str) -> Result<(), StorageError> {
        Ok(self.connection()?.batch_execute(sql).await?)
    }

    pub(super) async fn commit(mut self) -> Result<(), StorageError> {
        self.batch("COMMIT").await?;
        drop(self.connection.take());
        Ok(())
    }
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }
}

async fn query(connection: &Object, sql: &str, params: &[Value]) -> Result<Vec<Row>, StorageError> {
    let statement = connection.prepare_cached(sql).await?;
    let rows = connection.query(&statement, &as_sql(params)).await?;
    rows.iter().map(from_postgres).collect()
}

async fn execute(connection: &Object, sql: &str, params: &[Value]) -> Result<u64, StorageError> {
    let statement = connection.prepare_cached(sql).await?;
    Ok(connection.execute(&statement, &as_sql(params)).await?)
}

fn as_sql(params: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// The names are libpq's. With TLS the certificate and its host name are always verified, so `verify-full` is `require`.
fn parse(url: &str) -> Result<Config, StorageError> {
    if url.contains("sslmode=verify-ca") || url.contains("sslmode=allow") {
        return Err(StorageError::Url { reason: "sslmode is disable, prefer, require or verify-full".to_owned() });
    }
    let is_named = url.contains("sslmode=");
    let known = url.replace("sslmode=verify-full", "sslmode=require");
    let mut config: Config =
        known.parse().map_err(|_| StorageError::Url { reason: "not a PostgreSQL URL".to_owned() })?;
    let is_local = |host: &tokio_postgres::config::Host| match host {
        tokio_postgres::config::Host::Unix(_) => true,
        tokio_postgres::config::Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
    };
    if !is_named {
        config.ssl_mode(if config.get_hosts().iter().all(is_local) { SslMode::Disable } else { SslMode::Require });
    }
    config.application_name("keyward").connect_timeout(WAIT);
    Ok(config)
}

fn tls() -> Result<MakeRustlsConnect, StorageError> {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier())
        .map_err(|error| StorageError::Unavailable(error.into()))?
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Bool(value) => value.to_sql_checked(ty, out),
            Self::Int(value) if *ty == Type::INT4 => i32::try_from(*value)?.to_sql_checked(ty, out),
            Self::Int(value) => value.to_sql_checked(ty, out),
            Self::Text(value) => value.to_sql_checked(ty, out),
            Self::Bytes(value) => value.to_sql_checked(ty, out),
            Self::Time(value) if *ty == Type::TIMESTAMPTZ => {
                out.extend_from_slice(&value.as_micros().saturating_sub(POSTGRES_EPOCH_MICROS).to_be_bytes());
                Ok(IsNull::No)
            }
            Self::Time(_) => Err("a time for a column that is none".into()),
            Self::Uuid(value) => value.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The binary form of TIMESTAMPTZ: microseconds since 2000-01-01.
struct Micros(i64);

impl<'a> FromSql<'a> for Micros {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?)))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}

fn from_postgres(row: &tokio_postgres::Row) -> Result<Row, StorageError> {
    let column = |index: usize| -> Result<Value, tokio_postgres::Error> {
        Ok(match *row.columns()[index].type_() {
            Type::BOOL => row.try_get::<_, Option<bool>>(index)?.into(),
            Type::INT2 => row.try_get::<_, Option<i16>>(index)?.map(i64::from).into(),
            Type::INT4 => row.try_get::<_, Option<i32>>(index)?.map(i64::from).into(),
            Type::INT8 => row.try_get::<_, Option<i64>>(index)?.into(),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(index)?.into(),
            Type::UUID => row.try_get::<_, Option<Uuid>>(index)?.into(),
            Type::TIMESTAMPTZ => row
                .try_get::<_, Option<Micros>>(index)?
                .map(|micros| Timestamp::from_micros(micros.0.saturating_add(POSTGRES_EPOCH_MICROS)))
                .into(),
            _ => row.try_get::<_, Option<String>>(index)?.into(),
        })
    };
    let columns = (0..row.len()).map(column).collect::<Result<_, _>>()?;
    Ok(Row::new(columns))
}
