//! An upstream that does as it is told, a gateway before it, and a client.

mod gate;
mod upstream;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(crate) use gate::{Gate, READER, Setup, anonymous, token_name};
pub(crate) use upstream::{Upstream, json, pieces};

/// The service token in the cabinet.
pub(crate) const SERVICE_TOKEN: &str = "service-token-c0ffee";

/// Runs a test on one thread, as a worker of the server does.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let test = async { tokio::time::timeout(std::time::Duration::from_secs(60), test).await };
    tokio::task::LocalSet::new().block_on(&runtime, test).expect("the test hangs");
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) async fn of(response: Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The word for a refusal, in whichever form.
    pub(crate) fn reason(&self) -> String {
        let body = self.json();
        let reason = body["error"].as_str().or(body["error"]["data"]["reason"].as_str());
        reason.expect("a reason").to_owned()
    }
}

/// One connection of a client.
pub(crate) struct Client<B>(http1::SendRequest<B>);

impl<B> Client<B>
where
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
{
    pub(crate) async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
        tokio::task::spawn_local(connection);
        Self(sender)
    }

    pub(crate) async fn send(&mut self, request: Request<B>) -> hyper::Result<Response<Incoming>> {
        self.0.ready().await?;
        self.0.send_request(request).await
    }
}

/// A tool call with `name`.
pub(crate) fn call(name: &str) -> Full<Bytes> {
    Full::from(call_text(name))
}

pub(crate) fn call_text(name: &str) -> String {
    let params = serde_json::json!({ "name": name, "arguments": { "secret": "argument" } });
    let body = serde_json::json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params });
    body.to_string()
}
