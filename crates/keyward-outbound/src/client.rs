//! The client: one request, one connection, one bounded answer.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use url::{Position, Url};

use crate::connect::connect;
use crate::error::OutboundError;
use crate::guard::{Guard, Ports, Target};
use crate::tls::TlsConnector;

/// What a [`Client`] may do.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Where it may go.
    pub guard: Guard,
    /// On which ports.
    pub ports: Ports,
    /// How long all of it may take: resolving, connecting, the handshake, the whole answer.
    pub deadline: Duration,
    /// How long a body may be.
    pub max_body_bytes: usize,
}

impl Default for ClientConfig {
    /// Public addresses only, any port, ten seconds, 256 KiB.
    fn default() -> Self {
        Self {
            guard: Guard::PublicOnly,
            ports: Ports::Any,
            deadline: Duration::from_secs(10),
            max_body_bytes: 256 * 1024,
        }
    }
}

/// A whole answer, of whatever status.
#[derive(Debug)]
pub struct Response {
    /// Its status; a redirect's too, for none is followed.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, complete.
    pub body: Bytes,
}

/// Sends single requests. Clones are cheap and share the TLS configuration.
#[derive(Clone, Debug)]
pub struct Client {
    config: ClientConfig,
    tls: TlsConnector,
}

impl Client {
    /// A client with these limits.
    pub fn new(config: ClientConfig, tls: TlsConnector) -> Self {
        Self { config, tls }
    }

    /// Where it may go.
    pub fn guard(&self) -> Guard {
        self.config.guard
    }

    /// Fetches `url`.
    pub async fn get(&self, url: &Url) -> Result<Response, OutboundError> {
        self.send(Method::GET, url, HeaderMap::new(), Bytes::new()).await
    }

    /// Posts `body` to `url`.
    pub async fn post(&self, url: &Url, content_type: HeaderValue, body: Bytes) -> Result<Response, OutboundError> {
        self.send(Method::POST, url, HeaderMap::from_iter([(CONTENT_TYPE, content_type)]), body).await
    }

    /// Sends any request. `Host`, `Connection` and `Accept-Encoding` are set here, whatever `headers` says.
    pub async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response, OutboundError> {
        let target = Target::of(url, self.config.guard, self.config.ports)?;
        let request = write(method, &target, headers, body).map_err(OutboundError::Unwritable)?;
        let answer = tokio::time::timeout(self.config.deadline, self.exchange(&target, request)).await;
        answer.unwrap_or(Err(OutboundError::Deadline))
    }

    async fn exchange(&self, target: &Target<'_>, request: Request<Full<Bytes>>) -> Result<Response, OutboundError> {
        let stream = connect(target, &self.tls).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // The connection is driven here rather than in a task of its own: when this future is dropped, all is.
        let mut connection = pin!(connection);
        let mut answer = pin!(async { collect(sender.send_request(request).await?, self.config.max_body_bytes).await });
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            _ = &mut connection => answer.await,
        }
    }
}

fn write(
    method: Method,
    target: &Target<'_>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, http::Error> {
    let url = target.url;
    let mut request = Request::builder()
        .method(method)
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .body(Full::new(body))?;
    *request.headers_mut() = headers;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort])?);
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!("keyward/", env!("CARGO_PKG_VERSION"))));
    Ok(request)
}

async fn collect(response: http::Response<Incoming>, limit: usize) -> Result<Response, OutboundError> {
    let (parts, mut incoming) = response.into_parts();
    let mut body = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        if let Ok(data) = frame?.into_data() {
            if data.len() > limit - body.len() {
                return Err(OutboundError::TooLarge { limit });
            }
            body.extend_from_slice(&data);
        }
    }
    Ok(Response { status: parts.status, headers: parts.headers, body: body.freeze() })
}

#[cfg(test)]
mod tests;
