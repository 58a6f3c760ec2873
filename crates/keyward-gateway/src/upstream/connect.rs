//! Making a connection.

use std::io;
use std::time::Duration;

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use keyward_outbound::{TlsConnector, TlsError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

use super::Upstream;
use super::body::UpstreamBody;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("its name does not resolve: {0}")]
    Resolve(#[source] io::Error),
    #[error("no address takes connections: {0}")]
    Tcp(#[source] io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the connection was closed at once: {0}")]
    Handshake(#[source] hyper::Error),
    #[error("no connection within {} ms", .0.as_millis())]
    TooSlow(Duration),
}

/// Connects, and leaves a task on this thread that drives the connection until it ends.
pub(super) async fn connect(
    upstream: &Upstream,
    tls: &TlsConnector,
    within: Duration,
) -> Result<SendRequest<UpstreamBody>, ConnectError> {
    let connecting = async {
        let tcp = open(upstream).await?;
        if upstream.tls { start(tls.connect(&upstream.host, tcp).await?).await } else { start(tcp).await }
    };
    tokio::time::timeout(within, connecting).await.unwrap_or(Err(ConnectError::TooSlow(within)))
}

async fn open(upstream: &Upstream) -> Result<TcpStream, ConnectError> {
    let addresses = lookup_host((&*upstream.host, upstream.port)).await.map_err(ConnectError::Resolve)?;
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect(address).await.and_then(|stream| stream.set_nodelay(true).map(|()| stream)) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(ConnectError::Tcp(failure))
}

async fn start<S>(stream: S) -> Result<SendRequest<UpstreamBody>, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(ConnectError::Handshake)?;
    tokio::task::spawn_local(async move {
        // Whoever uses the connection is told of its end, too.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to an upstream ended");
        }
    });
    Ok(sender)
}
