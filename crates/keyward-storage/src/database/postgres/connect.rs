//! How connections are made: on the runtime that opened the database, so that they outlive the worker that asked for one.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use deadpool_postgres::Connect;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Config, SslMode};
use tokio_postgres::{AsyncMessage, Client, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::Target;
use crate::error::StorageError;

/// Bounds of every session: how long it waits for a lock, and how long a transaction may rest.
const SESSION: &str =
    "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning";

#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    runtime: Handle,
}

impl Connector {
    /// Belongs to the runtime that this is called on.
    pub(super) fn new(target: Target) -> Result<Self, StorageError> {
        let tls = match target.config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(tls(target.roots.as_deref())?),
        };
        Ok(Self { config: target.config, tls, runtime: Handle::current() })
    }

    pub(super) fn config(&self) -> Config {
        self.config.clone()
    }

    pub(super) const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Calls `heard` for each notice on `channel`, and once when it begins; returns when the connection breaks.
    pub(super) async fn listen(&self, channel: &str, heard: impl Fn() + Send) -> Result<(), Error> {
        match self.tls.clone() {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls).await?;
                hear(client, connection, channel, heard).await
            }
            None => {
                let (client, connection) = self.config.connect(tokio_postgres::NoTls).await?;
                hear(client, connection, channel, heard).await
            }
        }
    }

    /// A session of its own, driven on the current runtime.
    pub(super) async fn connect_here(self) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, task) = match self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls).await?;
                (client, tokio::spawn(drive(connection)))
            }
            None => {
                let (client, connection) = self.config.connect(tokio_postgres::NoTls).await?;
                (client, tokio::spawn(drive(connection)))
            }
        };
        client.batch_execute(SESSION).await?;
        Ok((client, task))
    }
}

impl Connect for Connector {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        Box::pin(async {
            match self.runtime.spawn(self.clone().connect_here()).await {
                Ok(connected) => connected,
                // That runtime has ended; the one that asks has not.
                Err(_) => self.clone().connect_here().await,
            }
        })
    }
}

async fn drive(connection: impl Future<Output = Result<(), Error>> + Send) {
    if let Err(error) = connection.await {
        tracing::warn!(%error, "a connection to the database broke");
    }
}

async fn hear<S, T>(
    client: Client,
    mut connection: tokio_postgres::Connection<S, T>,
    channel: &str,
    heard: impl Fn() + Send,
) -> Result<(), Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let sql = format!("LISTEN {channel}");
    let mut listening = std::pin::pin!(client.batch_execute(&sql));
    let mut is_listening = false;
    loop {
        tokio::select! {
            done = &mut listening, if !is_listening => {
                done?;
                is_listening = true;
                heard();
            }
            message = poll_fn(|context| connection.poll_message(context)) => match message {
                Some(Ok(AsyncMessage::Notification(_))) => heard(),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
        }
    }
}

fn tls(roots: Option<&std::path::Path>) -> Result<MakeRustlsConnect, StorageError> {
    let unusable = |what: &str, error: &dyn std::error::Error| StorageError::Url { reason: format!("{what}: {error}") };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("TLS", &error))?;
    let builder = match roots {
        None => builder
            .with_platform_verifier()
            .map_err(|error| unusable("the system's root certificates cannot be used", &error))?,
        Some(path) => {
            let named = format!("sslrootcert {}", path.display());
            let mut store = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(&named, &error))? {
                let certificate = certificate.map_err(|error| unusable(&named, &error))?;
                store.add(certificate).map_err(|error| unusable(&named, &error))?;
            }
            builder.with_root_certificates(store)
        }
    };
    Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
}
