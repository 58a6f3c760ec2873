//! TLS to PostgreSQL: a real server behind an end point that speaks TLS as a server does.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use keyward_core::clock::Clock;
use keyward_storage::{Database, StorageConfig, StorageError, params, testing};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The request for TLS: its length and its code (PostgreSQL protocol, message formats, `SSLRequest`).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

struct EndPoint {
    port: u16,
    roots: PathBuf,
    other_roots: PathBuf,
    _directory: TempDir,
}

/// Certificates for `localhost`, and who answers with them and passes on what comes.
async fn end_point(server: String) -> EndPoint {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let body = base64::engine::general_purpose::STANDARD.encode(certificate.der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        (pem, Issuer::new(params, key))
    };
    let directory = tempfile::tempdir().expect("a folder");
    let ((trusted, issuer), (other, _)) = (authority("trusted"), authority("other"));
    let (roots, other_roots) = (directory.path().join("roots.pem"), directory.path().join("other.pem"));
    std::fs::write(&roots, trusted).expect("written");
    std::fs::write(&other_roots, other).expect("written");

    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .expect("a configuration");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(pass_on(stream, acceptor.clone(), server.clone()));
        }
    });
    EndPoint { port, roots, other_roots, _directory: directory }
}

async fn pass_on(mut stream: TcpStream, acceptor: TlsAcceptor, server: String) -> std::io::Result<()> {
    let mut request = [0; 8];
    stream.read_exact(&mut request).await?;
    assert_eq!(request, SSL_REQUEST, "nothing is said before TLS is asked for");
    stream.write_all(b"S").await?;
    let mut inside = acceptor.accept(stream).await?;
    let mut server = TcpStream::connect(server).await?;
    tokio::io::copy_bidirectional(&mut inside, &mut server).await.map(drop)
}

async fn open(url: String) -> Result<Database, StorageError> {
    Database::open(&StorageConfig { url, max_connections: 2 }, Clock::System).await
}

#[tokio::test]
async fn the_server_is_who_its_certificate_says() {
    let fresh = testing::postgres(Clock::System).await;
    let address = fresh.url.split_once("://").expect("a URL").1;
    let (user, rest) = address.split_once('@').expect("a user");
    let (host, name) = rest.split_once('/').expect("a database");
    let end_point = end_point(host.to_owned()).await;
    let url = |host: &str, query: &str| format!("postgres://{user}@{host}:{}/{name}?{query}", end_point.port);
    let (roots, other_roots) = (end_point.roots.display(), end_point.other_roots.display());

    for mode in ["require", "verify-full", "prefer"] {
        let db = open(url("localhost", &format!("sslmode={mode}&sslrootcert={roots}"))).await.expect(mode);
        let row = db.query_opt("SELECT current_database()::text", params![]).await.expect("asked").expect("a row");
        assert_eq!(row.get::<String>(0).expect("a name"), name);
    }
    for refused in [
        url("localhost", &format!("sslmode=require&sslrootcert={other_roots}")),
        url("127.0.0.1", &format!("sslmode=require&sslrootcert={roots}")),
        url("localhost", "sslmode=require"),
    ] {
        let error = open(refused.clone()).await.map(drop).expect_err("a server that cannot be believed");
        assert!(matches!(error, StorageError::Unavailable(_)), "{refused}: {error:?}");
    }
    let plain = format!("{}?sslmode=require&sslrootcert={roots}", fresh.url);
    let error = open(plain).await.map(drop).expect_err("a server without TLS");
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    let missing = url("localhost", "sslmode=require&sslrootcert=%2Fno%2Fsuch%2Ffile.pem");
    let error = open(missing).await.map(drop).expect_err("no file of roots");
    assert!(matches!(&error, StorageError::Url { reason } if reason.contains("/no/such/file.pem")), "{error:?}");
}
