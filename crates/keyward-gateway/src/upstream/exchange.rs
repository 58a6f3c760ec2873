//! One request and the head of its answer.

use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use keyward_outbound::TlsConnector;

use super::body::UpstreamBody;
use super::connect::{ConnectError, connect};
use super::pool::{Connection, Pool};
use super::{Upload, Upstream};

/// What came back: the head, the body still to come, the connection that it comes on.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) response: Response<Incoming>,
    pub(crate) connection: Connection,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Http(hyper::Error),
    #[error("no answer within {} ms", .0.as_millis())]
    TooSlow(Duration),
    #[error("the client's body is longer than allowed")]
    BodyTooLarge,
    #[error("the client's body did not arrive in time")]
    BodyTooSlow,
    #[error("the client's body broke off")]
    BodyBrokeOff,
}

/// How long which part may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    pub(crate) response: Duration,
}

/// Sends `request` on a kept connection, or else on a new one. A second try is made only when the kept connection turned
/// out to be closed before anything of the request was written to it, so that no call is ever made twice.
pub(crate) async fn exchange(
    pool: &Pool,
    upstream: &Upstream,
    tls: &TlsConnector,
    patience: Patience,
    request: Request<UpstreamBody>,
) -> Result<Exchange, ExchangeError> {
    let upload = match request.body() {
        UpstreamBody::Streaming { upload, .. } => Some(upload.clone()),
        UpstreamBody::Whole(_) => None,
    };
    let mut request = request;
    if let Some(connection) = pool.take(upstream.id()) {
        match send(connection, request, patience.response, upload.as_ref()).await? {
            Sent::Answered(exchange) => return Ok(exchange),
            Sent::NotWritten(unsent, _) => request = unsent,
        }
    }
    let sender = connect(upstream, tls, patience.connect).await?;
    let connection = Connection { sender, upstream: upstream.id(), keep: super::pool::IDLE };
    match send(connection, request, patience.response, upload.as_ref()).await? {
        Sent::Answered(exchange) => Ok(exchange),
        Sent::NotWritten(_, error) => Err(ExchangeError::Http(error)),
    }
}

enum Sent {
    Answered(Exchange),
    NotWritten(Request<UpstreamBody>, hyper::Error),
}

async fn send(
    mut connection: Connection,
    request: Request<UpstreamBody>,
    within: Duration,
    upload: Option<&Upload>,
) -> Result<Sent, ExchangeError> {
    match tokio::time::timeout(within, connection.sender.try_send_request(request)).await {
        Ok(Ok(response)) => {
            connection.heed(response.headers());
            Ok(Sent::Answered(Exchange { response, connection }))
        }
        Ok(Err(mut failed)) => match failed.take_message() {
            Some(request) => Ok(Sent::NotWritten(request, failed.into_error())),
            None if upload.is_some_and(Upload::was_too_large) => Err(ExchangeError::BodyTooLarge),
            None if upload.is_some_and(Upload::broke_off) => Err(ExchangeError::BodyBrokeOff),
            None => Err(ExchangeError::Http(failed.into_error())),
        },
        Err(_) if upload.is_some_and(Upload::is_running) => Err(ExchangeError::BodyTooSlow),
        Err(_) => Err(ExchangeError::TooSlow(within)),
    }
}
