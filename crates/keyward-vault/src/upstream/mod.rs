//! People's own grants at other authorization servers: a person connects their account there, Keyward keeps the grant
//! sealed, refreshes it, and puts the person's access token into their calls.
//!
//! Reading order: [`config`]; `start` and `finish`, the way of a browser there and back; `credential`, the way of a call;
//! `refresh`; `end` and `give_back`. Below them `provider` finds out where things are and `known` remembers it, `client` as
//! whom, `token_endpoint` asks.

pub mod config;

mod finish;
mod start;

mod credential;
mod refresh;

mod end;
mod give_back;
mod list;
mod login;

mod audit;
mod cache;
mod client;
mod error;
pub(crate) mod fuzzing;
mod known;
mod lasting;
mod metadata;
mod provider;
mod schedule;
#[cfg(test)]
mod tests;
mod token_endpoint;
mod token_response;
mod token_set;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use keyward_core::clock::{Clock, Timestamp};
use keyward_core::id::ConnectionId;
use keyward_core::random::Random;
use keyward_outbound::{Client, ClientConfig, Guard, TlsConnector};
use keyward_storage::audit::AuditLog;
use keyward_storage::{ChangeFeed, Database, Topic, upstream_authorizations};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::vault::Vault;
use cache::{FRESH, GrantCache};
use config::{ConnectionConfig, ConnectionsConfig};
use known::ProviderCache;
use lasting::Lasting;

pub use client::RegistrationError;
pub use config::{AuthMethod, ConfiguredClient};
pub use credential::{GrantCredential, GrantRule, InvalidGrantRule};
pub use end::Ended;
pub use error::{BreakReason, ConnectError, GrantError, Reconnect};
pub use finish::Answer;
pub use keyward_discovery::DiscoveryError;
pub use list::ConnectedGrant;
pub use login::{AboutError, Departure, LOGIN, LoginQuestion, LoginTokens, Standing};
pub use start::Traveller;
pub use token_endpoint::TokenError;
pub use token_response::TokenRefused;

/// How many refreshes a process has under way at once.
const REFRESHES: usize = 16;

/// The connections of the configuration and the grants of people at them. Clones are handles to the same.
#[derive(Clone)]
pub struct Connections(Arc<Inner>);

struct Inner {
    public_url: String,
    connections: BTreeMap<ConnectionId, Connection>,
    db: Database,
    vault: Vault,
    audit: AuditLog,
    clock: Clock,
    random: Random,
    cache: GrantCache,
    /// Refreshes run to their end on the runtime that keeps the database connections, whoever waits for them: an answer
    /// that nobody stores is a grant lost.
    runtime: Handle,
    running: TaskTracker,
    refreshes: Semaphore,
    /// The locks of refreshes under way in this process.
    under_way: Mutex<BTreeSet<String>>,
}

/// One connection: what the configuration says, and what is known of its provider.
struct Connection {
    config: ConnectionConfig,
    http: Client,
    provider: ProviderCache,
    lasting: Lasting,
}

impl Connections {
    /// Opens them. Needs a tokio runtime, which must go on as long as grants may be refreshed: a task on it follows changes
    /// until the last handle is dropped.
    pub fn open(
        config: ConnectionsConfig,
        db: Database,
        vault: Vault,
        audit: AuditLog,
        clock: Clock,
        random: Random,
        tls: &TlsConnector,
    ) -> Self {
        let connection = |config: ConnectionConfig| {
            let guard = if config.allow_private_addresses { Guard::Any } else { Guard::PublicOnly };
            let http = Client::new(ClientConfig { guard, ..ClientConfig::default() }, tls.clone());
            (
                config.id.clone(),
                Connection { config, http, provider: ProviderCache::default(), lasting: Lasting::default() },
            )
        };
        let feed = db.changes();
        let inner = Arc::new(Inner {
            public_url: config.public_url,
            connections: config.connections.into_iter().map(connection).collect(),
            db,
            vault,
            audit,
            clock,
            random,
            cache: GrantCache::new(),
            runtime: Handle::current(),
            running: TaskTracker::new(),
            refreshes: Semaphore::new(REFRESHES),
            under_way: Mutex::default(),
        });
        tokio::spawn(follow(feed, Arc::downgrade(&inner)));
        Self(inner)
    }

    /// What the configuration says of a connection.
    pub fn config(&self, id: &ConnectionId) -> Option<&ConnectionConfig> {
        self.0.connections.get(id).map(|connection| &connection.config)
    }

    /// Every connection of the configuration at which people may connect, by id.
    pub fn configured(&self) -> impl Iterator<Item = &ConnectionConfig> {
        let configured = self.0.connections.values().map(|connection| &connection.config);
        configured.filter(|config| config.id.as_str() != LOGIN)
    }

    /// Where people connect: the page to send them to.
    pub fn connect_url(&self, id: &ConnectionId) -> String {
        self.0.connect_url(id)
    }

    /// Waits for refreshes under way to be stored, and for ended grants to be given back, for `patience` at most.
    pub async fn settle(&self, patience: Duration) {
        self.0.running.close();
        if tokio::time::timeout(patience, self.0.running.wait()).await.is_err() {
            tracing::error!(
                "stopped while a refreshed grant could not be stored, or an ended one not be given back; its person may have \
                 to connect again, or remove it at the provider"
            );
        }
    }
}

impl Inner {
    fn connect_url(&self, id: &ConnectionId) -> String {
        if id.as_str() == LOGIN {
            return format!("{}/login?again=1", self.public_url);
        }
        format!("{}/connect/{id}", self.public_url)
    }

    /// One for each connection, so that an answer of one provider can never be taken for another's (RFC 9700 §4.4.2).
    fn redirect_uri(&self, id: &ConnectionId) -> String {
        if id.as_str() == LOGIN {
            return format!("{}/login/callback", self.public_url);
        }
        format!("{}/connect/{id}/callback", self.public_url)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Connection {
    fn id(&self) -> &ConnectionId {
        &self.config.id
    }

    /// Whether URLs that the provider names may be plain HTTP.
    fn http_allowed(&self) -> bool {
        self.config.allow_private_addresses
    }
}

/// Drops from memory what changed elsewhere, and what may not serve any more.
async fn follow(mut feed: ChangeFeed, inner: Weak<Inner>) {
    let mut sweep = tokio::time::interval(FRESH);
    loop {
        let changed = tokio::select! {
            topic = feed.next() => topic == Topic::UpstreamGrants,
            _ = sweep.tick() => false,
        };
        let Some(inner) = inner.upgrade() else { return };
        if changed {
            inner.cache.invalidate();
            continue;
        }
        let now = inner.now();
        inner.cache.sweep(now);
        if let Err(error) = upstream_authorizations::delete_expired(&inner.db, now).await {
            tracing::debug!(%error, "authorizations that nobody came back from are not removed yet");
        }
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.connections.keys()).finish()
    }
}
