//! Why a request did not get its answer. No text here holds a body, a header or a query of the request.

use std::net::IpAddr;

use crate::tls::TlsError;

/// Why a request did not get its answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    // What was asked for is not allowed.
    /// The scheme is not https (or http where that is allowed).
    #[error("only https URLs are fetched")]
    SchemeRefused,
    /// The URL carries a user name or password.
    #[error("URLs with user information are not fetched")]
    UserInformation,
    /// The URL has no host.
    #[error("the URL has no host")]
    NoHost,
    /// The port is not one of the allowed.
    #[error("port {port} is not fetched from")]
    PortRefused {
        /// The port.
        port: u16,
    },
    /// The host has no address on the public internet.
    #[error("the host leads to {address}, which is not on the public internet")]
    AddressRefused {
        /// One of its addresses.
        address: IpAddr,
    },
    /// The URL or a header cannot be written as an HTTP request.
    #[error("the request cannot be written as HTTP")]
    Unwritable(#[source] http::Error),

    // The other side.
    /// The host's name has no address.
    #[error("the host's name has no address")]
    NameUnknown,
    /// The name could not be resolved.
    #[error("the host's name could not be resolved")]
    Resolve(#[source] std::io::Error),
    /// No address of the host took a connection.
    #[error("no connection to the host")]
    Connect(#[source] std::io::Error),
    /// No trusted connection.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// What came back is not HTTP, or broke off.
    #[error("the answer broke off or is not HTTP")]
    Http(#[from] hyper::Error),
    /// The body is longer than allowed.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// What is allowed.
        limit: usize,
    },
    /// It took longer than allowed, all in all.
    #[error("no complete answer in time")]
    Deadline,
}
