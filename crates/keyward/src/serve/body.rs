//! The body of an answer, whichever room it came from.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body as PageBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use keyward_gateway::GatewayBody;

/// One of the two kinds of body, passed on as it comes.
pub(crate) enum AnswerBody {
    /// Of a call.
    Gateway(GatewayBody),
    /// Of a page or an endpoint.
    Page(PageBody),
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match self.get_mut() {
            Self::Gateway(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            Self::Page(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Gateway(body) => body.is_end_stream(),
            Self::Page(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Gateway(body) => body.size_hint(),
            Self::Page(body) => body.size_hint(),
        }
    }
}
