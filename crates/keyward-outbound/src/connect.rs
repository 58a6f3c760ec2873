//! From a target to a connection: resolve, check, connect to exactly what was checked.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use url::Host;

use crate::error::OutboundError;
use crate::guard::{CheckedAddress, Target};
use crate::tls::TlsConnector;

/// How long one address of several may take, so that a dead one does not eat the whole deadline.
const ONE_ADDRESS: Duration = Duration::from_secs(2);

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(crate) async fn connect(target: &Target<'_>, tls: &TlsConnector) -> Result<Box<dyn Stream>, OutboundError> {
    let tcp = open(&target.check(resolve(target).await?)?).await.map_err(OutboundError::Connect)?;
    if !target.tls {
        return Ok(Box::new(tcp));
    }
    let host = match target.host {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(v4) => v4.to_string(),
        Host::Ipv6(v6) => v6.to_string(),
    };
    Ok(Box::new(tls.connect(&host, tcp).await?))
}

async fn resolve(target: &Target<'_>) -> Result<Vec<IpAddr>, OutboundError> {
    match target.host {
        Host::Ipv4(v4) => Ok(vec![v4.into()]),
        Host::Ipv6(v6) => Ok(vec![v6.into()]),
        Host::Domain(name) => {
            let found = lookup_host((name, target.port)).await.map_err(OutboundError::Resolve)?;
            Ok(found.map(|address| address.ip()).collect())
        }
    }
}

async fn open(addresses: &[CheckedAddress]) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (index, address) in addresses.iter().enumerate() {
        let attempt = TcpStream::connect(address.get());
        let outcome = if index + 1 == addresses.len() {
            attempt.await
        } else {
            tokio::time::timeout(ONE_ADDRESS, attempt).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        };
        match outcome {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
