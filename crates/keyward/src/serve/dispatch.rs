//! Which room answers: the gateway what it owns, the pages and endpoints all else.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body as PageBody;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use keyward_core::peer::ClientAddress;
use keyward_gateway::{Gateway, Worker};
use tower::ServiceExt;

use super::body::AnswerBody;
use super::client_address::TrustedProxies;
use super::request_body::{ARRIVES_WITHIN, TimedBody};
use super::worker::Answer;

/// What all workers share.
#[derive(Clone)]
pub(crate) struct Rooms {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) pages: Router,
    /// The path of the public URL, below which they are.
    pub(crate) base: Arc<str>,
    pub(crate) proxies: TrustedProxies,
}

/// What answers on one worker.
#[derive(Clone)]
pub(crate) struct Dispatch(Rc<(Rooms, Worker)>);

impl Dispatch {
    pub(crate) fn new(rooms: Rooms, worker: Worker) -> Self {
        Self(Rc::new((rooms, worker)))
    }
}

impl Answer for Dispatch {
    type Body = AnswerBody;

    async fn answer(&self, peer: SocketAddr, request: Request<Incoming>) -> Response<AnswerBody> {
        let (rooms, worker) = &*self.0;
        let client = rooms.proxies.client(peer, request.headers());
        if rooms.gateway.owns(request.uri().path()) {
            let client = SocketAddr::new(client, peer.port());
            rooms.gateway.handle(worker, client, request).await.map(AnswerBody::Gateway)
        } else {
            page(rooms, ClientAddress(client), request).await.map(AnswerBody::Page)
        }
    }
}

async fn page(rooms: &Rooms, client: ClientAddress, request: Request<Incoming>) -> Response<PageBody> {
    let started = Instant::now();
    let method = request.method().clone();
    let place = place(&rooms.base, request.uri().path()).to_owned();
    let mut request = request.map(|body| PageBody::new(TimedBody::new(body, ARRIVES_WITHIN)));
    request.extensions_mut().insert(client);
    let Ok(response) = rooms.pages.clone().oneshot(request).await;
    let status = response.status();
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    // What is asked every few seconds, or by anybody who tries paths, would drown the rest.
    if status == StatusCode::NOT_FOUND || place.ends_with("/healthz") || place.ends_with("/readyz") {
        tracing::debug!(%method, place, status = status.as_u16(), client = %client.0, milliseconds, "answered");
    } else {
        tracing::info!(%method, place, status = status.as_u16(), client = %client.0, milliseconds, "answered");
    }
    response
}

/// What of a path may be logged: what follows the first part below `base` may be a one-time link's secret, the query a
/// code.
fn place<'a>(base: &str, path: &'a str) -> &'a str {
    let start = match path.strip_prefix(base) {
        Some(rest) if rest.starts_with('/') => base.len(),
        _ => 0,
    };
    let second = path.get(start + 1..).and_then(|rest| rest.find('/')).map(|at| start + 1 + at);
    match second {
        Some(at) if !path[start..].starts_with("/.well-known/") => &path[..at],
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn secrets_in_paths_are_not_logged() {
        for (path, logged) in [
            ("/invite/kwi_secret", "/invite"),
            ("/token", "/token"),
            ("/.well-known/oauth-authorization-server/mcp", "/.well-known/oauth-authorization-server/mcp"),
            ("/", "/"),
            ("*", "*"),
            ("", ""),
        ] {
            assert_eq!(place("", path), logged);
        }
        for (path, logged) in [
            ("/a/b/invite/kwi_secret", "/a/b/invite"),
            ("/a/b/.well-known/openid-configuration", "/a/b/.well-known/openid-configuration"),
            ("/a/b", "/a"),
            ("/a/b/", "/a/b/"),
            ("/a/bc/kwi_secret", "/a"),
            ("/invite/kwi_secret", "/invite"),
            ("/é/kwi_secret", "/é"),
        ] {
            assert_eq!(place("/a/b", path), logged);
        }
    }
}
