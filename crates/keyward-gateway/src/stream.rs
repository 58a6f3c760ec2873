//! Step 10: the answer, passed on as it comes. Whoever hangs up takes the other side with them: a dropped stream closes
//! its connection to upstream, and an upstream that breaks off has the client's cut, never ended as if it were whole.

mod event;

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body::{Body, SizeHint};
use hyper::body::Incoming;
use keyward_core::audit::AuditResult;

use crate::audit::CallRecord;
use crate::body::GatewayBody;
use crate::headers::strip_answer;
use crate::upstream::{Connection, Exchange, Pool};
use event::KeepAlive;

/// An upstream's answer on its way to the client. It holds what must end with it: the connection and the audit record.
#[derive(Debug)]
pub(crate) struct UpstreamStream {
    incoming: Incoming,
    connection: Option<(Rc<Pool>, Connection)>,
    record: CallRecord,
    events: Option<KeepAlive>,
}

/// Whether the answer is a stream of events that comments can be put into.
fn is_event_stream(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let media_type = media_type.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
    media_type.eq_ignore_ascii_case(b"text/event-stream")
        && !headers.contains_key(CONTENT_LENGTH)
        && !headers.contains_key(CONTENT_ENCODING)
}

/// The answer to the client.
pub(crate) fn pass_on(
    exchange: Exchange,
    pool: &Rc<Pool>,
    keep_alive: Duration,
    mut record: CallRecord,
) -> Response<GatewayBody> {
    let Exchange { response, connection } = exchange;
    let (parts, incoming) = response.into_parts();
    record.status(parts.status);
    let mut headers = parts.headers;
    strip_answer(&mut headers);
    headers.insert("x-request-id", record.request_id());
    let events = is_event_stream(&headers).then(|| {
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        KeepAlive::new(keep_alive)
    });
    let connection = Some((Rc::clone(pool), connection));
    let mut answer = Response::new(GatewayBody::stream(UpstreamStream { incoming, connection, record, events }));
    *answer.status_mut() = parts.status;
    *answer.headers_mut() = headers;
    answer
}

impl UpstreamStream {
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        loop {
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers are not passed on.
                    let Ok(data) = frame.into_data() else { continue };
                    self.record.count(data.len());
                    if let Some(events) = &mut self.events {
                        events.passed(&data);
                    }
                    return Poll::Ready(Some(Ok(data)));
                }
                Poll::Ready(Some(Err(error))) => {
                    self.record.close(AuditResult::Failed, Some("upstream_broke_off"));
                    self.connection = None;
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) => {
                    self.end();
                    return Poll::Ready(None);
                }
                Poll::Pending => {
                    let Some(events) = &mut self.events else { return Poll::Pending };
                    return events.poll_comment(cx).map(|comment| Some(Ok(comment)));
                }
            }
        }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.incoming.is_end_stream()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        if self.events.is_some() { SizeHint::default() } else { self.incoming.size_hint() }
    }

    /// Everything has come, so upstream's part of the call is done.
    fn end(&mut self) {
        self.record.close(AuditResult::Ok, None);
        if let Some((pool, connection)) = self.connection.take() {
            pool.keep(connection);
        }
    }
}

/// The server does not ask for more once a body of known length is whole; then this is its end, too.
impl Drop for UpstreamStream {
    fn drop(&mut self) {
        if self.incoming.is_end_stream() {
            self.end();
        }
    }
}
