use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::*;
use crate::tls::TlsError;

/// Takes one connection, reads one request, gives `answer` and hangs up; tells what it read.
async fn server(
    answer: &'static str,
    tls: Option<tokio_rustls::TlsAcceptor>,
) -> (SocketAddr, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let (seen, request) = oneshot::channel();
    tokio::spawn(async move {
        let Ok((tcp, _)) = listener.accept().await else { return };
        let read = match tls {
            None => converse(tcp, answer).await,
            Some(tls) => match tls.accept(tcp).await {
                Ok(stream) => converse(stream, answer).await,
                Err(_) => return,
            },
        };
        let _ = seen.send(read);
    });
    (address, request)
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> String {
    let mut read = Vec::new();
    while !read.windows(4).any(|window| window == b"\r\n\r\n") {
        stream.read_buf(&mut read).await.expect("the request");
    }
    stream.write_all(answer.as_bytes()).await.expect("the answer");
    if answer.is_empty() {
        std::future::pending::<()>().await;
    }
    let _ = stream.shutdown().await;
    String::from_utf8_lossy(&read).into_owned()
}

fn client(guard: Guard, tls: TlsConnector) -> Client {
    let config =
        ClientConfig { guard, max_body_bytes: 5, deadline: Duration::from_secs(30), ..ClientConfig::default() };
    Client::new(config, tls)
}

fn url(text: &str) -> Url {
    text.parse().expect(text)
}

#[tokio::test]
async fn fetches_and_reads_to_the_end() {
    let (address, seen) =
        server("HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", None).await;
    let client = client(Guard::Any, TlsConnector::system());
    let answer = client.get(&url(&format!("http://{address}/a/../b%20c?d=e#f"))).await.expect("an answer");
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"hello"[..]));
    assert_eq!(answer.headers["x-a"], "b");
    let seen = seen.await.expect("a request");
    assert!(seen.starts_with("GET /b%20c?d=e HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("host: {address}\r\n")), "{seen}");
    assert!(seen.contains("connection: close\r\n") && seen.contains("user-agent: keyward/"), "{seen}");
}

#[tokio::test]
async fn posts() {
    let (address, seen) = server("HTTP/1.1 204 No Content\r\n\r\n", None).await;
    let client = client(Guard::Any, TlsConnector::system());
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let answer = client.post(&url(&format!("http://{address}/")), form, Bytes::from_static(b"a=b")).await;
    assert_eq!(answer.expect("an answer").status, StatusCode::NO_CONTENT);
    let seen = seen.await.expect("a request");
    assert!(seen.starts_with("POST / HTTP/1.1\r\n") && seen.contains("content-length: 3\r\n"), "{seen}");
}

#[tokio::test]
async fn redirects_are_answers() {
    let (address, _seen) =
        server("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", None).await;
    let client = client(Guard::Any, TlsConnector::system());
    let answer = client.get(&url(&format!("http://{address}/"))).await.expect("an answer");
    assert_eq!(answer.status, StatusCode::FOUND);
}

#[tokio::test]
async fn long_bodies_are_cut_off() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nhello!",
    ] {
        let (address, _seen) = server(answer, None).await;
        let client = client(Guard::Any, TlsConnector::system());
        let answer = client.get(&url(&format!("http://{address}/"))).await;
        assert!(matches!(answer, Err(OutboundError::TooLarge { limit: 5 })), "{answer:?}");
    }
}

#[tokio::test]
async fn broken_answers_are_errors() {
    for answer in ["nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel"] {
        let (address, _seen) = server(answer, None).await;
        let client = client(Guard::Any, TlsConnector::system());
        let answer = client.get(&url(&format!("http://{address}/"))).await;
        assert!(matches!(answer, Err(OutboundError::Http(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn silence_meets_the_deadline() {
    let (address, _seen) = server("", None).await;
    let config = ClientConfig { guard: Guard::Any, deadline: Duration::from_millis(50), ..ClientConfig::default() };
    let answer = Client::new(config, TlsConnector::system()).get(&url(&format!("http://{address}/"))).await;
    assert!(matches!(answer, Err(OutboundError::Deadline)), "{answer:?}");
}

#[tokio::test]
async fn the_guard_stands_before_the_connection() {
    let (address, mut seen) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", None).await;
    let client = client(Guard::PublicOnly, TlsConnector::system());
    for host in ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"] {
        let answer = client.get(&url(&format!("https://{host}:{}/", address.port()))).await;
        assert!(matches!(answer, Err(OutboundError::AddressRefused { .. })), "{host}: {answer:?}");
    }
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn tls_needs_a_trusted_root_and_the_right_name() {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a server configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let coded = base64::engine::general_purpose::STANDARD.encode(made.cert.der());
    let pem = format!("of our own:\n-----BEGIN CERTIFICATE-----\n{coded}\n-----END CERTIFICATE-----\n");
    let trusting = TlsConnector::with_pem_roots(pem.as_bytes()).expect("a certificate");
    for bad in ["", "no PEM", &pem.replace("CERTIFICATE", "PRIVATE KEY"), &pem.replace("END", "AND")] {
        assert!(matches!(TlsConnector::with_pem_roots(bad.as_bytes()), Err(TlsError::NoCertificates)), "{bad}");
    }
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

    let (address, _seen) = server(answer, Some(acceptor.clone())).await;
    let fetched =
        client(Guard::Any, trusting.clone()).get(&url(&format!("https://localhost:{}/", address.port()))).await;
    assert_eq!(&fetched.expect("an answer").body[..], b"hi");

    let (address, _seen) = server(answer, Some(acceptor.clone())).await;
    let fetched = client(Guard::Any, trusting).get(&url(&format!("https://{address}/"))).await;
    assert!(matches!(fetched, Err(OutboundError::Tls(TlsError::WrongName { .. }))), "wrong name: {fetched:?}");

    let (address, _seen) = server(answer, Some(acceptor)).await;
    let fetched = client(Guard::Any, TlsConnector::with_roots(Vec::new()));
    let fetched = fetched.get(&url(&format!("https://localhost:{}/", address.port()))).await;
    assert!(matches!(fetched, Err(OutboundError::Tls(TlsError::UnknownAuthority))), "unknown root: {fetched:?}");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("the answer");
        std::future::pending::<()>().await;
    });
    let fetched = client(Guard::Any, TlsConnector::with_roots(Vec::new()));
    let fetched = fetched.get(&url(&format!("https://{address}/"))).await;
    assert!(matches!(fetched, Err(OutboundError::Tls(TlsError::NoTls))), "no TLS: {fetched:?}");
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_told_in_the_same_words_each_time() {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    for (from, to, told) in [(2000, 2001, "has expired"), (3000, 3001, "is not valid yet")] {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(to, 1, 1));
        let certificate = params.self_signed(&key).expect("a certificate");
        let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .expect("a server configuration");
        let (address, _seen) = server("", Some(Arc::new(config).into())).await;
        let trusting = client(Guard::Any, TlsConnector::with_roots(vec![certificate.der().clone()]));
        let fetched = trusting.get(&url(&format!("https://localhost:{}/", address.port()))).await;
        let text = fetched.expect_err("out of its time").to_string();
        assert_eq!(text, format!("the host's certificate {told}, by the clock here"));
    }
}
