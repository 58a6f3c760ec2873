//! TLS for outgoing connections: rustls on aws-lc-rs, the system's roots, HTTP/1.1 by ALPN.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio_rustls::client::TlsStream;

/// Why no trusted connection came about.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The host is neither a DNS name nor an IP address.
    #[error("the host is no name that a certificate could carry")]
    ServerName,
    /// The system's roots could not be loaded, or a given one is no certificate.
    #[error("the trusted root certificates could not be loaded")]
    Roots(#[source] rustls::Error),
    /// A file of roots holds none.
    #[error("there are no certificates in PEM form")]
    NoCertificates,
    /// Whoever signed the host's certificate is not among the roots.
    #[error("the host's certificate is from an authority that is not trusted here")]
    UnknownAuthority,
    /// The certificate has ended.
    #[error("the host's certificate has expired, by the clock here")]
    Expired,
    /// The certificate is yet to begin.
    #[error("the host's certificate is not valid yet, by the clock here")]
    NotYetValid,
    /// The certificate is another host's.
    #[error("the host's certificate is not for the name \"{asked}\"")]
    WrongName {
        /// The name that it should be for.
        asked: String,
    },
    /// What came back is no TLS.
    #[error("the host does not speak TLS at this port")]
    NoTls,
    /// The handshake failed in another way.
    #[error("no trusted TLS connection to the host")]
    Handshake(#[source] io::Error),
}

impl TlsError {
    /// Of what is common there is a text of our own: rustls counts the seconds since a certificate ended, so that its text is
    /// another each time, and who logs what is new would log each try.
    fn of(error: io::Error, asked: &str) -> Self {
        use rustls::{CertificateError as Certificate, Error, InvalidMessage};
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match inner {
            Some(Error::InvalidCertificate(why)) => match why {
                Certificate::UnknownIssuer => Self::UnknownAuthority,
                Certificate::Expired | Certificate::ExpiredContext { .. } => Self::Expired,
                Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => Self::NotYetValid,
                Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                    Self::WrongName { asked: asked.to_owned() }
                }
                _ => Self::Handshake(error),
            },
            Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => Self::NoTls,
            _ => Self::Handshake(error),
        }
    }
}

/// Opens TLS on a connection. Clones share one configuration and its session cache; the system's roots are read when
/// the first connection is made, so that a process which makes none pays nothing.
#[derive(Clone)]
pub struct TlsConnector {
    roots: Arc<Roots>,
    ready: Arc<OnceCell<tokio_rustls::TlsConnector>>,
}

enum Roots {
    System,
    Given(Vec<CertificateDer<'static>>),
}

impl TlsConnector {
    /// Trusts what the system trusts.
    pub fn system() -> Self {
        Self { roots: Arc::new(Roots::System), ready: Arc::default() }
    }

    /// Trusts these roots and no others.
    pub fn with_roots(roots: Vec<CertificateDer<'static>>) -> Self {
        Self { roots: Arc::new(Roots::Given(roots)), ready: Arc::default() }
    }

    /// Trusts the certificates of this PEM text (RFC 7468) and no others.
    pub fn with_pem_roots(pem: &[u8]) -> Result<Self, TlsError> {
        let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        match roots {
            Ok(roots) if !roots.is_empty() => Ok(Self::with_roots(roots)),
            _ => Err(TlsError::NoCertificates),
        }
    }

    /// Performs the handshake as a client of `host`, a DNS name or an IP address without brackets.
    pub async fn connect<S>(&self, host: &str, stream: S) -> Result<TlsStream<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host).map_err(|_| TlsError::ServerName)?.to_owned();
        let ready = self.ready.get_or_try_init(|| self.load()).await?;
        ready.connect(name, stream).await.map_err(|error| TlsError::of(error, host))
    }

    async fn load(&self) -> Result<tokio_rustls::TlsConnector, TlsError> {
        let roots = Arc::clone(&self.roots);
        // Reading and parsing a hundred and more certificates takes milliseconds.
        let config = tokio::task::spawn_blocking(move || configure(&roots)).await;
        let config = config.map_err(|_| rustls::Error::General("loading the roots broke off".into()));
        config.and_then(|config| config).map(|config| Arc::new(config).into()).map_err(TlsError::Roots)
    }
}

fn configure(roots: &Roots) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = match roots {
        Roots::System => builder.with_platform_verifier()?.with_no_client_auth(),
        Roots::Given(given) => {
            let mut store = RootCertStore::empty();
            for root in given {
                store.add(root.clone())?;
            }
            builder.with_root_certificates(store).with_no_client_auth()
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConnector")
    }
}
