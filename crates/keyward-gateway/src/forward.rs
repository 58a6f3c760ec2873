//! Step 9: the call of the upstream. There is one place where its request is built, and that takes a permit, a credential
//! and headers that no token of the client's is among.

use std::rc::Rc;

use http::header::{HOST, HeaderValue};
use http::request::Parts;
use http::{Request, StatusCode};
use keyward_outbound::TlsConnector;

use crate::authorize::Permit;
use crate::config::Limits;
use crate::credential::Keyed;
use crate::headers::PassedHeaders;
use crate::intent::Intent;
use crate::refusal::Refusal;
use crate::upstream::{self, Exchange, ExchangeError, Patience, Pool, UpstreamBody};

/// A request as upstream gets it, but for the credential.
#[derive(Debug)]
pub(crate) struct Outgoing {
    permit: Rc<Permit>,
    request: Request<UpstreamBody>,
}

impl Outgoing {
    /// From what the client sent, of which the path and the query stay behind: both are the configuration's.
    pub(crate) fn new(head: Parts, intent: Intent, permit: Permit, request_id: HeaderValue) -> Self {
        let upstream = permit.server().upstream();
        let mut request = Request::new(intent.into_body());
        *request.method_mut() = head.method;
        *request.uri_mut() = upstream.target();
        let mut headers = PassedHeaders::of(head.headers).into_map();
        headers.insert(HOST, upstream.authority());
        headers.insert("x-request-id", request_id);
        *request.headers_mut() = headers;
        Self { permit: Rc::new(permit), request }
    }

    /// The same call, to be made once more should upstream not have taken the first. `None` when its body only comes
    /// once: nothing is held back for this alone.
    pub(crate) fn again(&self) -> Option<Self> {
        let UpstreamBody::Whole(body) = self.request.body() else { return None };
        let mut request = Request::new(UpstreamBody::Whole(body.clone()));
        *request.method_mut() = self.request.method().clone();
        *request.uri_mut() = self.request.uri().clone();
        request.headers_mut().clone_from(self.request.headers());
        Some(Self { permit: Rc::clone(&self.permit), request })
    }
}

/// Sends it with a credential, and takes only such answers as a client can do something with.
pub(crate) async fn forward(
    pool: &Pool,
    tls: &TlsConnector,
    limits: &Limits,
    outgoing: Outgoing,
    keyed: &Keyed,
) -> Result<Exchange, Refusal> {
    let Outgoing { permit, mut request } = outgoing;
    keyed.apply(&mut request)?;
    let patience = Patience { connect: limits.connect_timeout, response: limits.response_timeout };
    let upstream = permit.server().upstream();
    let exchange = upstream::exchange(pool, upstream, tls, patience, request).await;
    let exchange = exchange.map_err(|error| match error {
        ExchangeError::Connect(error) => Refusal::Unreachable(error),
        ExchangeError::Http(error) => Refusal::Exchange(error),
        ExchangeError::TooSlow(_) => Refusal::TooSlow,
        ExchangeError::BodyTooLarge => Refusal::BodyTooLarge { limit: limits.max_body_bytes },
        ExchangeError::BodyTooSlow => Refusal::BodyTooSlow,
        ExchangeError::BodyBrokeOff => Refusal::BodyBrokeOff,
    })?;
    match exchange.response.status() {
        // Passed on, a 401 would send the client to log in with us again, which does not help.
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED) => {
            Err(Refusal::CredentialRefused(status))
        }
        // Passed on, a redirect would lead the client past us.
        status if status.is_redirection() && status != StatusCode::NOT_MODIFIED => Err(Refusal::Redirected(status)),
        _ => Ok(exchange),
    }
}
