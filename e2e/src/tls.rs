//! TLS in front of a server of the rig, with certificates as good or bad as a test wants them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Who signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// What a server shows: its certificate and that it has the key to it. None: it speaks no TLS.
pub type Shown = Option<Arc<ServerConfig>>;

impl Authority {
    /// One that nobody has heard of yet.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let encoded = STANDARD.encode(params.self_signed(&key)?.der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n");
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// Its own certificate, for who is to trust it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a host of this name, good until the first day of this year.
    pub fn certificate(&self, host: &str, until: i32) -> Result<Shown> {
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)?;
        Ok(Some(Arc::new(config)))
    }
}

/// TLS in front of a server; it lives as long as the test process.
pub struct Front {
    address: SocketAddr,
    shown: Arc<Mutex<Shown>>,
}

impl Front {
    /// Takes connections for the server at `behind`.
    pub fn start(behind: SocketAddr, shown: Shown) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let front = Self { address: listener.local_addr()?, shown: Arc::new(Mutex::new(shown)) };
        let shown = Arc::clone(&front.shown);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // Whoever does not trust the certificate hangs up.
                std::thread::spawn(move || drop(pass_on(stream, shown, behind)));
            }
        });
        Ok(front)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it shows from now on.
    pub fn show(&self, shown: Shown) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }
}

/// One request without a body, and all that the server answers.
fn pass_on(mut stream: TcpStream, shown: Shown, behind: SocketAddr) -> Result<()> {
    let Some(config) = shown else {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")?;
        // Until the other side has read it.
        stream.shutdown(Shutdown::Write)?;
        stream.read_to_end(&mut Vec::new())?;
        return Ok(());
    };
    let mut tls = StreamOwned::new(ServerConnection::new(config)?, stream);
    let (mut request, mut part) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"\r\n\r\n") {
        let length = tls.read(&mut part)?;
        request.extend_from_slice(part.get(..length).filter(|part| !part.is_empty()).context("it hung up")?);
    }
    let mut server = TcpStream::connect(behind)?;
    server.write_all(&request)?;
    server.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    tls.write_all(&answer)?;
    tls.conn.send_close_notify();
    Ok(tls.flush()?)
}
