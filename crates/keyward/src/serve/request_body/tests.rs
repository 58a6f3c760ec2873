use http_body_util::BodyExt;
use tokio::sync::mpsc;

use super::*;

/// A body of what the sender sends.
struct Pieces(mpsc::UnboundedReceiver<&'static str>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(Bytes::from(piece)))))
    }
}

fn body() -> (mpsc::UnboundedSender<&'static str>, Pieces) {
    let (sender, pieces) = mpsc::unbounded_channel();
    (sender, Pieces(pieces))
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_in_time_passes() {
    let (sender, rest) = body();
    let reading = tokio::spawn(TimedBody::new(rest, Duration::from_secs(30)).collect());
    for piece in ["a", "b"] {
        tokio::time::sleep(Duration::from_secs(14)).await;
        sender.send(piece).expect("still read");
    }
    drop(sender);
    assert_eq!(reading.await.expect("no panic").expect("whole").to_bytes(), "ab");
}

#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_does_not_keep_it_open() {
    let (sender, rest) = body();
    let reading = tokio::spawn(TimedBody::new(rest, Duration::from_secs(30)).collect());
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(14)).await;
        sender.send("a").expect("still read");
    }
    let error = reading.await.expect("no panic").map(drop).expect_err("given up");
    assert!(error.is::<TooSlow>(), "{error}");
}
