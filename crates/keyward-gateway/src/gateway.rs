//! The gateway as its callers see it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{Request, Response};
use hyper::body::Incoming;
use keyward_core::clock::Clock;
use keyward_core::random::Random;
use keyward_resource::Verifier;
use keyward_storage::audit::AuditLog;
use keyward_vault::Vault;

use crate::body::GatewayBody;
use crate::config::{ConfigError, GatewayConfig};
use crate::counts::CallCounts;
use crate::session::Sessions;
use crate::snapshot::Snapshot;
use crate::upstream::Worker;
use crate::walk::walk;

/// The gateway: one for all threads.
pub struct Gateway {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) vault: Vault,
    pub(crate) audit: AuditLog,
    pub(crate) sessions: Sessions,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl Gateway {
    /// Checks the configuration and works out all that can be worked out before the first call.
    pub fn new(
        config: GatewayConfig,
        verifier: Arc<Verifier>,
        vault: Vault,
        audit: AuditLog,
        clock: Clock,
        random: Random,
    ) -> Result<Self, ConfigError> {
        let snapshot = ArcSwap::from_pointee(Snapshot::new(config)?);
        Ok(Self { snapshot, verifier, vault, audit, sessions: Sessions::new(), clock, random })
    }

    /// Goes by another configuration from the next call on. Calls under way end by the one that they began by.
    pub fn reload(&self, config: GatewayConfig) -> Result<(), ConfigError> {
        self.snapshot.store(Arc::new(Snapshot::new(config)?));
        Ok(())
    }

    /// Whether it answers for `path`: an MCP endpoint, with or without a slash at its end, or a metadata document.
    pub fn owns(&self, path: &str) -> bool {
        self.snapshot.load().routes.owns(path)
    }

    /// How the calls of each server ended, since the start or the last [`Self::reload`].
    pub fn calls(&self) -> Vec<CallCounts> {
        let snapshot = self.snapshot.load();
        let mut counts: Vec<_> = snapshot.routes.servers().map(|server| server.calls().read(server.id())).collect();
        counts.sort_by(|one, other| one.server.as_str().cmp(other.server.as_str()));
        counts
    }

    /// Answers one request. `worker` is that of the thread that this runs on; `peer` is the client's address, for the
    /// log. Dropping the future, or the body of the answer, ends the call upstream too.
    pub async fn handle(&self, worker: &Worker, peer: SocketAddr, request: Request<Incoming>) -> Response<GatewayBody> {
        walk(self, worker, peer, request).await
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("snapshot", &self.snapshot.load()).finish_non_exhaustive()
    }
}
