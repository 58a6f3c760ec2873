//! Upstreams: where they are, how a connection is made, kept and used. HTTP/1.1 on hyper's connections themselves.

mod body;
mod connect;
mod exchange;
mod pool;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use http::uri::PathAndQuery;
use http::{HeaderValue, Uri};
use url::{Position, Url};

pub(crate) use body::{Upload, UpstreamBody};
pub(crate) use connect::ConnectError;
pub(crate) use exchange::{Exchange, ExchangeError, Patience, exchange};
pub use pool::Worker;
pub(crate) use pool::{Connection, Pool};

/// Where a server is.
#[derive(Clone)]
pub(crate) struct Upstream {
    id: UpstreamId,
    host: String,
    port: u16,
    tls: bool,
    authority: HeaderValue,
    target: PathAndQuery,
}

/// Tells pools apart; every upstream that is made has its own, so that a connection never outlives a change of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UpstreamId(u64);

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl Upstream {
    /// `None` for what is no endpoint.
    pub(crate) fn new(url: &Url) -> Option<Self> {
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return None;
        }
        let host = match url.host()? {
            url::Host::Domain(name) => name.to_owned(),
            url::Host::Ipv4(v4) => v4.to_string(),
            url::Host::Ipv6(v6) => v6.to_string(),
        };
        Some(Self {
            id: UpstreamId(NEXT_ID.fetch_add(1, Ordering::Relaxed)),
            host,
            port: url.port_or_known_default()?,
            tls,
            authority: HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]).ok()?,
            target: url[Position::BeforePath..Position::AfterQuery].parse().ok()?,
        })
    }

    pub(crate) fn id(&self) -> UpstreamId {
        self.id
    }

    /// The `Host` of its requests.
    pub(crate) fn authority(&self) -> HeaderValue {
        self.authority.clone()
    }

    /// The request target, in origin form (RFC 9112 §3.2.1).
    pub(crate) fn target(&self) -> Uri {
        Uri::from(self.target.clone())
    }
}

/// Without the query, which may hold a key.
impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.target.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(url: &str) -> Option<Upstream> {
        Upstream::new(&Url::parse(url).expect("a URL"))
    }

    #[test]
    fn parts_are_taken_from_the_url() {
        let it = upstream("https://[::1]:8443/mcp?read_only=true").expect("an upstream");
        assert_eq!((&*it.host, it.port, it.tls), ("::1", 8443, true));
        assert_eq!(it.authority(), "[::1]:8443");
        assert_eq!(it.target().to_string(), "/mcp?read_only=true");
        assert_eq!(format!("{it:?}"), "https://::1:8443/mcp");
        let it = upstream("http://example.com").expect("an upstream");
        assert_eq!((it.port, it.authority(), it.target().path()), (80, HeaderValue::from_static("example.com"), "/"));
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for url in ["ftp://h/", "http://u@h/", "http://u:p@h/", "http://h/#f", "unix:/x", "data:,x"] {
            assert!(upstream(url).is_none(), "{url}");
        }
    }
}
