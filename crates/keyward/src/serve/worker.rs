//! A worker: one thread, one runtime, one listening socket, its own connections. Workers share nothing that they wait
//! for, so each processor adds as much as the first.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listen;

/// How much a connection may ask for, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// All headers of a request; hyper answers 431 to more.
    pub(crate) header_bytes: usize,
    /// Until the headers are there.
    pub(crate) header_timeout: Duration,
    /// What calls under way get when the process is told to stop.
    pub(crate) grace: Duration,
}

/// hyper's least buffer; a smaller one makes it panic.
const LEAST_BUFFER: usize = 8 * 1024;
/// How long connections that have begun get to come in when the process is told to stop.
const SETTLE: Duration = Duration::from_millis(300);
/// How long a connection that carries no call stays open then: a client may just be sending its next one.
const LULL: Duration = Duration::from_secs(2);
/// How long to leave the listener alone when the process has no descriptor left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers requests. One for each worker; nothing of it leaves the worker's thread.
pub(crate) trait Answer: Clone + 'static {
    /// What answers carry.
    type Body: Body<Data = bytes::Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static;

    /// The answer to one request.
    fn answer(&self, peer: SocketAddr, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>>;
}

/// Starts a worker. `make` runs on its thread and makes what answers there.
pub(crate) fn start<A: Answer>(
    number: usize,
    listener: TcpListener,
    limits: Limits,
    stop: CancellationToken,
    make: impl FnOnce() -> A + Send + 'static,
) -> anyhow::Result<JoinHandle<()>> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime for a worker")?;
    let work = move || {
        let local = LocalSet::new();
        runtime.block_on(local.run_until(async move {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => accept(listener, limits, stop, make()).await,
                Err(error) => tracing::error!(%error, "a worker has no listening socket"),
            }
        }));
    };
    thread::Builder::new().name(format!("keyward-{number}")).spawn(work).context("no thread for a worker")
}

async fn accept<A: Answer>(listener: tokio::net::TcpListener, limits: Limits, stop: CancellationToken, answer: A) {
    let connections = TaskTracker::new();
    accept_until_settled(&listener, limits, &stop, |stream, peer| {
        connections.spawn_local(serve(stream, peer, limits, stop.clone(), answer.clone()));
    })
    .await;
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.grace, connections.wait()).await.is_err() {
        tracing::warn!(calls = connections.len(), "calls were cut off at the end of the grace time");
    }
}

/// Accepts connections until the process was told to stop and those that had begun by then have come in.
async fn accept_until_settled(
    listener: &tokio::net::TcpListener,
    limits: Limits,
    stop: &CancellationToken,
    mut accepted: impl FnMut(TcpStream, SocketAddr),
) {
    let mut settled = pin!(async {
        stop.cancelled().await;
        if let Err(error) = listen::turn_away(listener) {
            tracing::debug!(%error, "connections that begin now may be reset");
        }
        tokio::time::sleep(SETTLE.min(limits.grace)).await;
    });
    loop {
        let outcome = tokio::select! {
            () = &mut settled => return,
            outcome = listener.accept() => outcome,
        };
        match outcome {
            Ok((stream, peer)) => accepted(stream, peer),
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve<A: Answer>(stream: TcpStream, peer: SocketAddr, limits: Limits, stop: CancellationToken, answer: A) {
    // A frame of a stream goes out when it is there, not when more follows.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection went before it began");
        return;
    }
    let service = service_fn(|request| {
        let (answer, stop) = (answer.clone(), &stop);
        async move {
            let mut response = answer.answer(peer, request).await;
            if stop.is_cancelled() {
                // RFC 9112 §9.6: no other request comes on this connection.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout);
    http.max_buf_size(limits.header_bytes.max(LEAST_BUFFER));
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => match tokio::time::timeout(LULL.min(limits.grace), connection.as_mut()).await {
            Ok(served) => served,
            Err(_) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        },
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;
