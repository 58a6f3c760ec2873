//! `keyward serve`: opens the rooms in order, listens, and stops in order.

mod audit_keeper;
mod background;
mod body;
mod client_address;
mod dispatch;
mod health;
mod listen;
mod metrics;
mod mirror;
mod ready;
mod request_body;
mod stop;
mod worker;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_gateway::{Gateway, Worker};
use keyward_resource::Provider;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Loaded};
use crate::telemetry;
use crate::wiring::layout::Layout;
use crate::wiring::rooms::Rooms;
use crate::wiring::verifier::{self, Live};
use crate::wiring::{self, gateway, issuers};

use audit_keeper::AuditKeeper;
use background::Keeper;
use client_address::TrustedProxies;
use dispatch::Dispatch;
use worker::Limits;

/// How long a refreshed grant that is not stored yet holds up the end.
const SETTLING: Duration = Duration::from_secs(15);

/// Open the door: serve calls, logins and tokens
///
/// Serves until it is told to stop (Ctrl-C, SIGTERM). Reads keyward.toml, or runs on defaults where there is none. Makes the
/// database and the root key on the first start, and brings an older database up to date. Everything it says goes to
/// standard error.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write the address as JSON to this file once calls are served
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
    /// Listen beside a process that serves the same address, to take over from it: once this one is ready, tell that one to
    /// stop (SIGTERM), and no call is lost
    #[arg(long)]
    take_over: bool,
}

pub(crate) fn run(file: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    let loaded = config::load(file)?;
    telemetry::start(&loaded.config.log)?;
    for warning in loaded.config.warnings() {
        tracing::warn!("{warning}");
    }
    let stop = CancellationToken::new();
    let door = if args.take_over { Door::Beside } else { Door::Alone };
    serve(&loaded, door, stop, async |serving| ready::announce(serving, args.ready_file.as_deref()))
}

/// What there is once calls are served.
pub(crate) struct Serving<'a> {
    pub(crate) listen: SocketAddr,
    pub(crate) layout: &'a Layout,
    /// Where metrics are served.
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) rooms: &'a Rooms,
}

/// Whether another process may have the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// It must be free.
    Alone,
    /// It is shared with the process that is taken over from.
    Beside,
}

/// Serves until `stop`, or a signal; `when_ready` runs once calls can come.
pub(crate) fn serve(
    loaded: &Loaded,
    door: Door,
    stop: CancellationToken,
    when_ready: impl AsyncFnOnce(&Serving<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let section = &loaded.config.server;
    let workers = section.worker_threads.map_or_else(default_workers, usize::from);
    // First of all, so that nothing is touched when the port is taken; calls wait in the backlog until all is open. Beside
    // another process last of all: calls that come before all is open are that one's.
    let early = match door {
        Door::Alone => Some(listen::listen(section.listen.0, workers)?),
        Door::Beside => None,
    };
    let listen = match &early {
        Some(listeners) => listeners.first().context("no listening socket")?.local_addr()?,
        None => section.listen.0,
    };
    let watched = loaded.config.metrics.listen.as_ref();
    let watched = watched.map(|address| metrics::bind(address.0, door)).transpose()?;
    let layout = Layout::new(&loaded.config, Some(listen))?;
    let runtime = wiring::runtime().context("no runtime")?;
    let rooms = runtime.block_on(Rooms::open(loaded, &layout))?;
    let live = Live::default();
    let issuers = issuers::open(loaded, &layout, &live, &rooms.cabinet.clock)?;
    runtime.block_on(async { issuers.providers.iter().chain(&rooms.login_provider).for_each(Provider::start) });
    let verifier = Arc::new(verifier::verifier(issuers.trusted, &layout, &live, &rooms.cabinet.clock));
    let keeper = Keeper {
        database: rooms.cabinet.database.clone(),
        issuer: rooms.issuer.clone(),
        verifier: Arc::clone(&verifier),
        live,
        clock: rooms.cabinet.clock.clone(),
        static_tokens: rooms.static_tokens,
    };
    runtime.block_on(keeper.start())?;
    runtime.spawn(keeper.follow());
    runtime.spawn(rooms.issuer.clone().background());
    let audit_keeper = Arc::new(AuditKeeper {
        database: rooms.cabinet.database.clone(),
        vault: rooms.cabinet.vault.clone(),
        random: rooms.cabinet.random.clone(),
        keep: loaded.config.audit.keep.as_ref().map(|keep| keep.0.0),
        signer: tokio::sync::Mutex::new(None),
    });
    runtime.spawn({
        let audit_keeper = Arc::clone(&audit_keeper);
        async move { audit_keeper.run().await }
    });
    let mut upkeep = runtime.spawn(wiring::upkeep::upkeep(loaded, &rooms.cabinet.vault)?.run(stop.clone()));
    let gateway = Gateway::new(
        gateway::config(&loaded.config, &layout, &rooms.connections)?,
        verifier,
        rooms.cabinet.vault.clone(),
        rooms.cabinet.audit.clone(),
        rooms.cabinet.clock.clone(),
        rooms.cabinet.random.clone(),
    )?;
    let base = rooms.issuer.config.base_path();
    let pages = rooms.issuer.router().merge(keyward_console::routes(&rooms.issuer, &rooms.connections));
    let pages = match issuers.providers.first() {
        Some(primary) if !loaded.config.serves_authorization_server() => pages.merge(mirror::router(primary, base)),
        _ => pages,
    };
    let parts = health::Parts {
        database: rooms.cabinet.database.clone(),
        providers: issuers.providers.clone(),
        login_provider: rooms.login_provider.clone(),
        own_tokens: loaded.config.serves_authorization_server() || rooms.static_tokens,
    };
    let pages = pages.merge(health::router(parts, base));
    let proxies = TrustedProxies::new(section.trusted_proxies.iter().map(|range| range.0).collect());
    let gateway = Arc::new(gateway);
    let mut metrics_at = None;
    if let Some(listener) = watched {
        metrics_at = Some(listener.local_addr()?);
        let sources = metrics::Sources {
            gateway: Arc::clone(&gateway),
            audit: rooms.cabinet.audit.clone(),
            providers: issuers.providers,
            login_provider: rooms.login_provider.clone(),
        };
        metrics::serve(&runtime, listener, sources)?;
    }
    let shared = dispatch::Rooms { gateway, pages, base: base.into(), proxies };
    let limits = Limits {
        header_bytes: section.max_header_bytes.0.bytes(),
        header_timeout: section.header_read_timeout.0.0,
        grace: section.shutdown_grace.0.0,
    };
    let listeners = match early {
        Some(listeners) => listeners,
        None => listen::listen_beside(listen, workers)?,
    };
    let mut threads = Vec::with_capacity(workers);
    for (number, listener) in listeners.into_iter().enumerate() {
        let shared = shared.clone();
        let make = move || Dispatch::new(shared, Worker::new());
        threads.push(worker::start(number, listener, limits, stop.clone(), make)?);
    }
    let outcome = runtime.block_on(async {
        stop::on_signal(stop.clone()).context("no signals")?;
        record(&rooms, Action::Start);
        when_ready(&Serving { listen, layout: &layout, metrics: metrics_at, rooms: &rooms }).await?;
        stop.cancelled().await;
        Ok(())
    });
    stop.cancel();
    let ended = threads.into_iter().map(std::thread::JoinHandle::join).filter(Result::is_err).count();
    runtime.block_on(rooms.connections.settle(SETTLING));
    runtime.block_on(async {
        if tokio::time::timeout(SETTLING, &mut upkeep).await.is_err() {
            upkeep.abort();
            // By its end it has said what it leaves undone.
            let _ = upkeep.await;
        }
        // Opening the key is recorded, too, and the last record is that Keyward has stopped.
        audit_keeper.prepare().await;
        record(&rooms, Action::Stop);
        rooms.cabinet.audit.close().await;
        audit_keeper.finish().await;
    });
    tracing::info!("stopped");
    anyhow::ensure!(ended == 0, "{ended} worker(s) ended by a panic");
    outcome
}

fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn record(rooms: &Rooms, action: Action) {
    rooms.cabinet.audit.record(AuditEvent::new(rooms.cabinet.clock.now(), action, AuditResult::Ok));
}
