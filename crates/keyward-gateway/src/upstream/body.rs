//! The body of a request, on its way upstream.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// The body of a request.
#[derive(Debug)]
pub(crate) enum UpstreamBody {
    /// All of it is here; `None` once it was taken.
    Whole(Option<Bytes>),
    /// It comes, and goes on as it comes.
    Streaming {
        /// What came before the decision.
        first: Option<Bytes>,
        /// What is still to come.
        rest: Incoming,
        /// How much may still come.
        left: u64,
        /// How it goes.
        upload: Upload,
    },
}

/// How the sending of a body goes, for the one that waits for the answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upload(Rc<Cell<Progress>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Running,
    Done,
    TooLarge,
    BrokeOff,
}

/// Why a body ended before its end. Told to the connection, which is then closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("the body is longer than allowed")]
    TooLarge,
    #[error("the client's body broke off")]
    BrokeOff(#[source] hyper::Error),
}

impl Upload {
    pub(crate) fn is_running(&self) -> bool {
        self.0.get() == Progress::Running
    }

    pub(crate) fn was_too_large(&self) -> bool {
        self.0.get() == Progress::TooLarge
    }

    pub(crate) fn broke_off(&self) -> bool {
        self.0.get() == Progress::BrokeOff
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Streaming { first: first @ Some(_), .. } => {
                Poll::Ready(first.take().map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Streaming { rest, left, upload, .. } => loop {
                let data = match ready!(Pin::new(&mut *rest).poll_frame(cx)) {
                    None => {
                        upload.0.set(Progress::Done);
                        return Poll::Ready(None);
                    }
                    Some(Err(error)) => {
                        upload.0.set(Progress::BrokeOff);
                        return Poll::Ready(Some(Err(UploadError::BrokeOff(error))));
                    }
                    // Trailers are not passed on.
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => data,
                        Err(_) => continue,
                    },
                };
                let Some(still) = left.checked_sub(data.len() as u64) else {
                    upload.0.set(Progress::TooLarge);
                    return Poll::Ready(Some(Err(UploadError::TooLarge)));
                };
                *left = still;
                return Poll::Ready(Some(Ok(Frame::data(data))));
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Streaming { first, rest, .. } => first.is_none() && rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = match self {
            Self::Whole(bytes) => return SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Streaming { first, .. } => first.as_ref().map_or(0, |bytes| bytes.len() as u64),
        };
        let Self::Streaming { rest, .. } = self else { return SizeHint::default() };
        match rest.size_hint().exact() {
            Some(length) => SizeHint::with_exact(ahead.saturating_add(length)),
            None => SizeHint::default(),
        }
    }
}
