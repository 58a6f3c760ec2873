//! The configuration as the walk uses it: never changed, only replaced as a whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keyward_outbound::TlsConnector;
use url::Url;

use crate::config::{AuditMode, ConfigError, GatewayConfig, Limits};
use crate::origin::OriginRules;
use crate::route::Routes;
use crate::server::Server;

/// All that the configuration decides.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Another for each.
    pub(crate) generation: u64,
    pub(crate) routes: Routes,
    pub(crate) origins: OriginRules,
    pub(crate) limits: Limits,
    pub(crate) audit_mode: AuditMode,
    pub(crate) tls: TlsConnector,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

impl Snapshot {
    pub(crate) fn new(config: GatewayConfig) -> Result<Self, ConfigError> {
        let public_url = Url::parse(&config.public_url).map_err(|_| ConfigError::PublicUrl)?;
        if !matches!(public_url.scheme(), "http" | "https") || config.public_url.ends_with('/') {
            return Err(ConfigError::PublicUrl);
        }
        let servers = config.servers.into_iter();
        let servers = servers.map(|server| Server::new(&config.public_url, server).map(Arc::new));
        Ok(Self {
            generation: NEXT.fetch_add(1, Ordering::Relaxed),
            routes: Routes::new(servers.collect::<Result<_, _>>()?, config.default_server.as_ref())?,
            origins: OriginRules::new(&public_url, &config.allowed_hosts, &config.allowed_origins, config.loopback),
            limits: config.limits,
            audit_mode: config.audit_mode,
            tls: config.tls,
        })
    }
}
