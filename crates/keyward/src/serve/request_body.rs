//! The body of a request to a page or an endpoint, which must have come in time: whoever sends a byte now and then must
//! not hold a connection, and what waits for its form, for as long as they like.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// For all of a body. The largest form is a few hundred kilobytes.
pub(crate) const ARRIVES_WITHIN: Duration = Duration::from_secs(30);

/// A body that fails when it has not come whole in time. The time begins when it is first asked for.
pub(crate) struct TimedBody<B> {
    rest: B,
    within: Duration,
    end: Option<Pin<Box<Sleep>>>,
}

/// A body that did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the body did not arrive in time")]
pub(crate) struct TooSlow;

impl<B> TimedBody<B> {
    pub(crate) const fn new(rest: B, within: Duration) -> Self {
        Self { rest, within, end: None }
    }
}

impl<B> Body for TimedBody<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Self { rest, within, end } = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(rest).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let end = end.get_or_insert_with(|| Box::pin(sleep(*within)));
        ready!(end.as_mut().poll(context));
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.size_hint()
    }
}

#[cfg(test)]
mod tests;
