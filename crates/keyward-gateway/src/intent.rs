//! Step 4: what the call is about. The body is read before a decision only when a rule needs it. Otherwise no more than
//! what came with the head is looked at, for the audit record, and the rest goes on as it comes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT, HeaderMap};
use http::{Method, request::Parts};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::config::Limits;
use crate::mcp::{self, Messages};
use crate::refusal::Refusal;
use crate::server::Server;
use crate::upstream::{Upload, UpstreamBody};

/// What a call is about, and its body.
#[derive(Debug)]
pub(crate) struct Intent {
    messages: Option<Messages>,
    body: UpstreamBody,
}

impl Intent {
    /// What was read of it: always all, when the server has rules for its tools.
    pub(crate) fn messages(&self) -> Option<&Messages> {
        self.messages.as_ref()
    }

    /// The body, to be sent on.
    pub(crate) fn into_body(self) -> UpstreamBody {
        self.body
    }
}

/// A body that nobody has looked at.
#[derive(Debug)]
pub(crate) struct Unread {
    body: Option<Incoming>,
    expects_continue: bool,
}

impl Unread {
    pub(crate) fn new(body: Incoming, head: &Parts) -> Self {
        Self { body: Some(body), expects_continue: head.headers.contains_key(EXPECT) }
    }

    /// Reads it for nothing, if it is short and on its way: closing a connection on which something still arrives can
    /// lose the answer that was just sent, and every login begins with a refused request.
    pub(crate) async fn discard(&mut self) {
        let Some(body) = self.body.take().filter(|_| !self.expects_continue) else { return };
        let mut rest = Arriving { rest: body, left: DISCARDED, limit: DISCARDED };
        let _ = tokio::time::timeout(DISCARDING, async { while let Ok(Some(_)) = rest.next().await {} }).await;
    }
}

const DISCARDED: u64 = 64 << 10;
const DISCARDING: Duration = Duration::from_millis(500);

/// Reads as much as `server`'s rules need.
pub(crate) async fn read(server: &Server, head: &Parts, body: &mut Unread, limits: &Limits) -> Result<Intent, Refusal> {
    let Some(body) = body.body.take() else {
        return Ok(Intent { messages: None, body: UpstreamBody::Whole(None) });
    };
    let too_large = Refusal::BodyTooLarge { limit: limits.max_body_bytes };
    // RFC 9110 §10.1.1: refused before the client is told to go on.
    if body.size_hint().lower() > limits.max_body_bytes {
        return Err(too_large);
    }
    // Where a rule decides, an empty body is looked at like any other: the headers beside it may name a call.
    if head.method != Method::POST || server.tools().is_empty() && body.is_end_stream() {
        return Ok(Intent { messages: None, body: UpstreamBody::Whole(None) });
    }
    let mut arriving = Arriving { rest: body, left: limits.max_body_bytes, limit: limits.max_body_bytes };
    if server.tools().is_empty() {
        return within(limits.body_timeout, arriving.next()).await.map(|first| arriving.pass_on(first));
    }
    check_encoding(&head.headers)?;
    let whole = within(limits.body_timeout, arriving.collect()).await?;
    Ok(Intent { messages: Some(mcp::read(&whole)?), body: UpstreamBody::Whole(Some(whole)) })
}

/// Upstream must read the same characters: what is decided on is JSON in UTF-8 (RFC 8259 §8.1), neither compressed nor in
/// an encoding that some servers take by the word of the header (UTF-7 can hide a quotation mark).
fn check_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(Ok(content_type)), None) = (types.next().map(|value| value.to_str()), types.next()) else {
        return Err(Refusal::UnsupportedMediaType);
    };
    let mut parts = content_type.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json"));
    let is_utf8 = |parameter: &str| {
        parameter.is_empty()
            || parameter.split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("charset")
                    && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
    };
    if is_json && parts.all(is_utf8) && !headers.contains_key(CONTENT_ENCODING) {
        Ok(())
    } else {
        Err(Refusal::UnsupportedMediaType)
    }
}

async fn within<T>(limit: Duration, reading: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    tokio::time::timeout(limit, reading).await.unwrap_or(Err(Refusal::BodyTooSlow))
}

/// A body that arrives.
struct Arriving {
    rest: Incoming,
    left: u64,
    limit: u64,
}

impl Arriving {
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        while let Some(frame) = self.rest.frame().await {
            // Trailers are not passed on.
            if let Ok(data) = frame.map_err(|_| Refusal::BodyBrokeOff)?.into_data() {
                let limit = self.limit;
                self.left = self.left.checked_sub(data.len() as u64).ok_or(Refusal::BodyTooLarge { limit })?;
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    async fn collect(&mut self) -> Result<Bytes, Refusal> {
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        // As a rule one piece is all.
        let Some(second) = self.next().await? else { return Ok(first) };
        let mut whole = BytesMut::from(first);
        whole.extend_from_slice(&second);
        while let Some(piece) = self.next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// A body whose first piece is all of it is looked at in passing; what it says decides nothing.
    fn pass_on(self, first: Option<Bytes>) -> Intent {
        match first {
            Some(all) if self.rest.is_end_stream() => {
                Intent { messages: mcp::read(&all).ok(), body: UpstreamBody::Whole(Some(all)) }
            }
            first => {
                let body =
                    UpstreamBody::Streaming { first, rest: self.rest, left: self.left, upload: Upload::default() };
                Intent { messages: None, body }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_plain_json_in_utf8_is_decided_on() {
        let check = |values: &[&str], encoding: Option<&'static str>| {
            let values = values.iter().map(|value| (CONTENT_TYPE, HeaderValue::from_str(value).expect("a value")));
            let mut headers = HeaderMap::new();
            for (name, value) in values {
                headers.append(name, value);
            }
            headers.extend(encoding.map(|value| (CONTENT_ENCODING, HeaderValue::from_static(value))));
            check_encoding(&headers).is_ok()
        };
        for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\";"] {
            assert!(check(&[good], None), "{good}");
        }
        for bad in [
            "application/json; charset=utf-7",
            "application/json; charset=utf-8; charset=utf-16",
            "application/json; charset",
            "text/plain",
            "application/json-patch+json",
            "",
        ] {
            assert!(!check(&[bad], None), "{bad}");
        }
        assert!(!check(&[], None));
        assert!(!check(&["application/json", "application/json; charset=utf-7"], None));
        assert!(!check(&["application/json"], Some("gzip")));
    }
}
