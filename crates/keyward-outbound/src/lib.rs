//! Outgoing HTTP(S) with limits: which addresses may be reached, how much may come back, how long it may take.
//!
//! For the small documents that Keyward fetches itself: key sets, client metadata documents, remote token stores. The
//! gateway's own path to its upstreams takes only the [`TlsConnector`] from here. This room knows no OAuth, no
//! document and no configuration file; redirects are never followed, they are answers like others.
//!
//! ```
//! use keyward_outbound::{Client, ClientConfig, Guard, OutboundError, TlsConnector};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let client = Client::new(ClientConfig { guard: Guard::PublicOnly, ..ClientConfig::default() }, TlsConnector::system());
//! let metadata_service = "https://169.254.169.254/latest/meta-data/".parse()?;
//! assert!(matches!(client.get(&metadata_service).await, Err(OutboundError::AddressRefused { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod client;
mod connect;
mod error;
mod guard;
mod tls;

pub use address::is_public;
pub use client::{Client, ClientConfig, Response};
pub use error::OutboundError;
pub use guard::{Guard, Ports};
pub use tls::{TlsConnector, TlsError};
