//! The upstream.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;
type Handler = Rc<dyn Fn(Request<Bytes>) -> LocalBoxFuture<'static, Response<Body>>>;

/// A server that remembers what reached it.
pub(crate) struct Upstream {
    pub(crate) port: u16,
    pub(crate) seen: Rc<RefCell<Vec<Request<Bytes>>>>,
    pub(crate) connections: Rc<Cell<usize>>,
    /// Connections that have ended.
    pub(crate) ended: Rc<Cell<usize>>,
}

impl Upstream {
    /// Answers everything by `handler`.
    pub(crate) async fn start<F>(handler: impl Fn(Request<Bytes>) -> F + 'static) -> Self
    where
        F: Future<Output = Response<Body>> + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let handler: Handler = Rc::new(move |request| Box::pin(handler(request)));
        let it = Self { port, seen: Rc::default(), connections: Rc::default(), ended: Rc::default() };
        let (seen, connections, ended) = (Rc::clone(&it.seen), Rc::clone(&it.connections), Rc::clone(&it.ended));
        tokio::task::spawn_local(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                connections.set(connections.get() + 1);
                let (handler, seen, ended) = (Rc::clone(&handler), Rc::clone(&seen), Rc::clone(&ended));
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let (handler, seen) = (Rc::clone(&handler), Rc::clone(&seen));
                    async move {
                        let (head, body) = request.into_parts();
                        let request = Request::from_parts(head, body.collect().await?.to_bytes());
                        seen.borrow_mut().push(request.clone());
                        Ok::<_, hyper::Error>(handler(request).await)
                    }
                });
                tokio::task::spawn_local(async move {
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                    ended.set(ended.get() + 1);
                });
            }
        });
        it
    }

    /// Answers everything with a JSON-RPC result.
    pub(crate) async fn plain() -> Self {
        Self::start(|_| async { json(r#"{"jsonrpc":"2.0","id":7,"result":{}}"#) }).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }

    /// Waits until a connection has ended.
    pub(crate) async fn hang_up(&self) {
        while self.ended.get() == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// A JSON answer.
pub(crate) fn json(text: &'static str) -> Response<Body> {
    let body = Full::from(text).map_err(|never| match never {}).boxed_unsync();
    Response::builder().header("content-type", "application/json").body(body).expect("a response")
}

/// An answer whose body is sent piece by piece; an error ends the connection.
pub(crate) fn pieces(content_type: &str) -> (mpsc::UnboundedSender<std::io::Result<Bytes>>, Response<Body>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let frames = stream::unfold(receiver, |mut receiver: mpsc::UnboundedReceiver<std::io::Result<Bytes>>| async {
        let piece = receiver.recv().await?;
        Some((piece.map(Frame::data), receiver))
    });
    let body = BodyExt::boxed_unsync(StreamBody::new(frames));
    (sender, Response::builder().header("content-type", content_type).body(body).expect("a response"))
}
