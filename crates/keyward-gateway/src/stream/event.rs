//! Comments in a silent stream of events (HTML standard, "Server-sent events"; rule R9): at once, as proxies hold an
//! answer back until its first byte, and after each silence, as they cut connections that seem dead.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

const COMMENT: Bytes = Bytes::from_static(b": keep-alive\n\n");

/// Knows when a comment is due, and where in the stream it does no harm.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    silence: Duration,
    timer: Pin<Box<Sleep>>,
    last: Instant,
    tail: Tail,
    started: bool,
}

impl KeepAlive {
    pub(crate) fn new(silence: Duration) -> Self {
        let now = Instant::now();
        Self { silence, timer: Box::pin(sleep_until(now + silence)), last: now, tail: Tail::START, started: false }
    }

    /// Takes note of what upstream sent.
    pub(crate) fn passed(&mut self, data: &[u8]) {
        self.started = true;
        self.last = Instant::now();
        self.tail.extend(data);
    }

    /// A comment when one is due. Asked only while upstream is silent.
    pub(crate) fn poll_comment(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        if !self.started {
            self.started = true;
            return Poll::Ready(COMMENT);
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let due = self.last + self.silence;
            if due > now {
                self.timer.as_mut().reset(due);
                continue;
            }
            self.last = now;
            self.timer.as_mut().reset(now + self.silence);
            // Within an event nothing is put in; upstream is in the middle of sending it.
            if self.tail.is_between_events() {
                return Poll::Ready(COMMENT);
            }
        }
    }
}

/// The last bytes of a stream, as many as tell whether an event has just ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tail([u8; 3]);

impl Tail {
    /// Before the first byte is as good as after an event.
    const START: Self = Self(*b"\n\n\n");

    fn extend(&mut self, data: &[u8]) {
        match data {
            [.., a, b, c] => self.0 = [*a, *b, *c],
            shorter => {
                for byte in shorter {
                    self.0 = [self.0[1], self.0[2], *byte];
                }
            }
        }
    }

    /// Whether the last line is an empty one. Lines end with CRLF, LF or CR.
    fn is_between_events(self) -> bool {
        let ends_line = |byte: u8| matches!(byte, b'\n' | b'\r');
        match self.0 {
            [before, b'\r', b'\n'] => ends_line(before),
            [_, before, last] => ends_line(last) && ends_line(before),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use proptest::prelude::*;

    use super::*;

    fn between(stream: &str) -> bool {
        let mut tail = Tail::START;
        stream.bytes().for_each(|byte| tail.extend(&[byte]));
        tail.is_between_events()
    }

    #[test]
    fn an_event_ends_with_an_empty_line() {
        for stream in
            ["", "\n", "data: x\n\n", "data: x\r\n\r\n", "data: x\r\r", "data: x\n\r\n", "data: x\r\n\n", ": c\n\n"]
        {
            assert!(between(stream), "{stream:?}");
        }
        for stream in ["d", "data: x", "data: x\n", "data: x\r\n", "data: x\r", "data: x\n\ndata", "data: x\n\n: \n"] {
            assert!(!between(stream), "{stream:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(pieces in prop::collection::vec("[a\r\n]{0,5}", 0..8)) {
            let mut tail = Tail::START;
            pieces.iter().for_each(|piece| tail.extend(piece.as_bytes()));
            prop_assert_eq!(tail.is_between_events(), between(&pieces.concat()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_comment_comes_at_once_and_after_each_silence() {
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let mut events = KeepAlive::new(20 * second);
        assert_eq!(poll_fn(|cx| events.poll_comment(cx)).await, COMMENT);
        assert_eq!(start.elapsed(), Duration::ZERO);
        tokio::time::sleep(15 * second).await;
        events.passed(b"data: x\n\n");
        poll_fn(|cx| events.poll_comment(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 35);
        poll_fn(|cx| events.poll_comment(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 55);
        events.passed(b"data: half");
        let none = tokio::time::timeout(100 * second, poll_fn(|cx| events.poll_comment(cx))).await;
        assert!(none.is_err(), "nothing is put into an event");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_speaks_first_needs_no_comment() {
        let mut events = KeepAlive::new(Duration::from_secs(20));
        events.passed(b"data: x\n\n");
        let none = tokio::time::timeout(Duration::from_secs(19), poll_fn(|cx| events.poll_comment(cx))).await;
        assert!(none.is_err());
    }
}
