//! Connections that are kept for the next call: a pool for each thread, so that none waits for another.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use http::HeaderMap;
use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;

use super::UpstreamId;
use super::body::UpstreamBody;
use crate::snapshot::Snapshot;

/// Connections that are kept for one upstream by one thread, at most.
const MAX_IDLE: usize = 512;

/// How long a connection is kept when upstream does not say: less than the usual minute of proxies.
pub(super) const IDLE: Duration = Duration::from_secs(50);

/// What one thread of the server has for itself: its connections to upstreams. It stays on its thread; the thread must
/// run tokio with local tasks.
#[derive(Clone, Default)]
pub struct Worker(Rc<Pool>);

impl Worker {
    /// One for this thread, without any connection.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn pool(&self) -> &Rc<Pool> {
        &self.0
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Worker")
    }
}

/// The connections of one thread.
#[derive(Default)]
pub(crate) struct Pool {
    idle: RefCell<HashMap<UpstreamId, VecDeque<Idle>>>,
    generation: Cell<u64>,
}

struct Idle {
    sender: SendRequest<UpstreamBody>,
    until: Instant,
}

/// A connection in use. Dropped before the answer's end, it is closed, and upstream sees that nobody listens any more.
pub(crate) struct Connection {
    pub(super) sender: SendRequest<UpstreamBody>,
    pub(super) upstream: UpstreamId,
    pub(super) keep: Duration,
}

impl Pool {
    /// The connection that was used last, as the others are the likelier to be closed by the other side.
    pub(super) fn take(&self, upstream: UpstreamId) -> Option<Connection> {
        let mut pools = self.idle.borrow_mut();
        let idle = pools.get_mut(&upstream)?;
        let now = Instant::now();
        while let Some(Idle { sender, until }) = idle.pop_back() {
            if sender.is_ready() && now < until {
                return Some(Connection { sender, upstream, keep: IDLE });
            }
        }
        None
    }

    /// Keeps a connection whose answer was read to its end.
    pub(crate) fn keep(&self, connection: Connection) {
        if connection.sender.is_closed() || connection.keep.is_zero() {
            return;
        }
        let now = Instant::now();
        let mut pools = self.idle.borrow_mut();
        let idle = pools.entry(connection.upstream).or_default();
        while idle.len() >= MAX_IDLE
            || idle.front().is_some_and(|oldest| oldest.until <= now || oldest.sender.is_closed())
        {
            idle.pop_front();
        }
        idle.push_back(Idle { sender: connection.sender, until: now + connection.keep });
    }

    /// Drops the connections of upstreams that are in no configuration any more.
    pub(crate) fn follow(&self, snapshot: &Snapshot) {
        if self.generation.replace(snapshot.generation) != snapshot.generation {
            self.idle.borrow_mut().retain(|upstream, _| snapshot.routes.upstreams().any(|live| live == *upstream));
        }
    }
}

impl Connection {
    /// Takes upstream's word for how long it keeps an idle connection (the `Keep-Alive` header, RFC 2068 §19.7.1.1, as
    /// Node sends it), less a second for what is under way.
    pub(crate) fn heed(&mut self, headers: &HeaderMap) {
        let Some(value) = headers.get("keep-alive").and_then(|value| value.to_str().ok()) else { return };
        let timeout = value.split(',').find_map(|part| part.trim().strip_prefix("timeout=")?.parse().ok());
        if let Some(seconds) = timeout {
            self.keep = IDLE.min(Duration::from_secs(seconds).saturating_sub(Duration::from_secs(1)));
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}
