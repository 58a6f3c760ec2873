//! A host on a socket, for tests of what is fetched: answers by path what the test says, and notes what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use keyward_outbound::{Client, ClientConfig, Guard, TlsConnector};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Answers 404 where it was told nothing.
pub(crate) struct Host {
    pub(crate) origin: String,
    shared: Arc<Shared>,
}

struct Shared {
    answers: Mutex<HashMap<String, String>>,
    asked: Mutex<Vec<String>>,
    open: watch::Sender<bool>,
}

impl Host {
    pub(crate) async fn start() -> Self {
        Self::at("127.0.0.1:0").await
    }

    /// At an address that was free a moment ago.
    pub(crate) async fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.expect("the port");
        let origin = format!("http://{}", listener.local_addr().expect("its address"));
        let (open, _) = watch::channel(true);
        let shared = Arc::new(Shared { answers: Mutex::default(), asked: Mutex::default(), open });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&serving)));
            }
        });
        Self { origin, shared }
    }

    pub(crate) fn url(&self, path: &str) -> url::Url {
        format!("{}{path}", self.origin).parse().expect("a URL")
    }

    /// `head` begins with the status and may hold headers.
    pub(crate) fn answer(&self, path: &str, head: &str, body: &str) {
        let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        self.shared.answers.lock().expect("the answers").insert(path.to_owned(), answer);
    }

    pub(crate) fn json(&self, path: &str, body: &Value) {
        self.answer(path, "200 OK\r\ncontent-type: application/json", &body.to_string());
    }

    /// Metadata that names itself as issuer and `/jwks`, and these keys there.
    pub(crate) fn issuer(&self, jwks: &[Value]) {
        let metadata = json!({ "issuer": self.origin, "jwks_uri": self.url("/jwks").as_str() });
        self.json("/.well-known/oauth-authorization-server", &metadata);
        self.json("/jwks", &json!({ "keys": jwks }));
    }

    /// Lets requests wait for their answers, or no longer.
    pub(crate) fn hold_back(&self, held: bool) {
        self.shared.open.send_replace(!held);
    }

    /// Everything that was asked for since the last time, with its whole request.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.asked.lock().expect("the list"))
    }

    /// How often it was asked for `path`, all in all unless [`Self::requests`] took it.
    pub(crate) fn count(&self, path: &str) -> usize {
        let asked = self.shared.asked.lock().expect("the list");
        asked.iter().filter(|request| request.split(' ').nth(1) == Some(path)).count()
    }
}

async fn converse(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut request = Vec::new();
    while !is_complete(&request) {
        if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
            return;
        }
        if !request.is_ascii() {
            // A greeting in TLS.
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            return;
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    shared.asked.lock().expect("the list").push(request);
    let _ = shared.open.subscribe().wait_for(|open| *open).await;
    let answer = shared.answers.lock().expect("the answers").get(&path).cloned();
    let answer = answer.unwrap_or_else(|| "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned());
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    body.len() >= length
}

/// Reaches the host, and reads as much as it does in service.
pub(crate) fn client() -> Client {
    client_with(&ClientConfig::default())
}

pub(crate) fn client_with(config: &ClientConfig) -> Client {
    Client::new(ClientConfig { guard: Guard::Any, ..config.clone() }, TlsConnector::system())
}
