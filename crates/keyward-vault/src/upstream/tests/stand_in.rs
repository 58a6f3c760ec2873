//! A provider that answers by script: what real ones do only when they fail. Those that work are met by the end-to-end
//! tests.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::form_urlencoded;

/// One request that came.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) line: String,
    pub(super) authorization: Option<String>,
    pub(super) body: String,
}

impl Request {
    /// A parameter of the form.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.body.as_bytes());
        pairs.find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
    }
}

/// What to answer.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Json(u16, String),
    /// Nothing: the connection is closed.
    HangUp,
}

#[derive(Clone)]
pub(super) struct StandIn {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
    script: Arc<Mutex<VecDeque<Reply>>>,
    /// Whom the metadata of the resource at `/mcp` names.
    names: Arc<Mutex<Vec<String>>>,
    hides: Arc<AtomicBool>,
    /// The document at a place of its own.
    says: Arc<Mutex<String>>,
    /// The scopes of which its OpenID document tells; without one it has no such document.
    offers: Arc<Mutex<Option<Vec<String>>>>,
}

impl StandIn {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let this = Self {
            names: Arc::new(Mutex::new(vec![url.clone()])),
            url,
            seen: Arc::default(),
            script: Arc::default(),
            hides: Arc::default(),
            says: Arc::default(),
            offers: Arc::default(),
        };
        let server = this.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.answer(connection).await });
            }
        });
        this
    }

    /// What the next request that is for no document gets; without a script it gets tokens that count up.
    pub(super) fn will(&self, reply: Reply) {
        self.script.lock().expect("script").push_back(reply);
    }

    /// Names these authorization servers from here on.
    pub(super) fn names(&self, issuers: &[&str]) {
        *self.names.lock().expect("names") = issuers.iter().map(|&issuer| issuer.to_owned()).collect();
    }

    /// Whether its metadata cannot be had from here on.
    pub(super) fn hides(&self, hides: bool) {
        self.hides.store(hides, Ordering::Relaxed);
    }

    /// Answers this at `/.well-known/elsewhere` from here on.
    pub(super) fn says(&self, document: &serde_json::Value) {
        *self.says.lock().expect("says") = document.to_string();
    }

    /// Is an OpenID provider with these scopes from here on.
    pub(super) fn offers(&self, scopes: &[&str]) {
        *self.offers.lock().expect("offers") = Some(scopes.iter().map(|&scope| scope.to_owned()).collect());
    }

    /// The requests of one path so far.
    pub(super) fn seen(&self, path: &str) -> Vec<Request> {
        self.seen_by("POST", path)
    }

    /// The requests for its metadata so far.
    pub(super) fn looked_for(&self) -> usize {
        self.seen_by("GET", "/.well-known/oauth-authorization-server").len()
    }

    fn seen_by(&self, method: &str, path: &str) -> Vec<Request> {
        let line = format!("{method} {path} ");
        self.seen.lock().expect("seen").iter().filter(|request| request.line.starts_with(&line)).cloned().collect()
    }

    async fn answer(&self, mut connection: TcpStream) {
        let Some(request) = read(&mut connection).await else { return };
        let is_document = request.line.contains("/.well-known/");
        let count = {
            let mut seen = self.seen.lock().expect("seen");
            seen.push(request.clone());
            seen.iter().filter(|request| request.line.starts_with("POST /token ")).count()
        };
        if is_document && self.hides.load(Ordering::Relaxed) {
            return;
        }
        let scripted = if is_document { None } else { self.script.lock().expect("script").pop_front() };
        let reply = scripted.unwrap_or_else(|| self.usual(&request, count));
        let Reply::Json(status, body) = reply else { return };
        let answer = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = connection.write_all(answer.as_bytes()).await;
    }

    fn usual(&self, request: &Request, count: usize) -> Reply {
        let url = &self.url;
        if request.line.contains("/.well-known/oauth-authorization-server ") {
            return Reply::Json(
                200,
                serde_json::json!({
                    "issuer": url,
                    "authorization_endpoint": format!("{url}/authorize"),
                    "token_endpoint": format!("{url}/token"),
                    "revocation_endpoint": format!("{url}/revoke"),
                    "registration_endpoint": format!("{url}/register"),
                    "authorization_response_iss_parameter_supported": true,
                    "code_challenge_methods_supported": ["S256"],
                })
                .to_string(),
            );
        }
        if request.line.contains("/.well-known/openid-configuration ") {
            let Some(scopes) = self.offers.lock().expect("offers").clone() else {
                return Reply::Json(404, "{}".to_owned());
            };
            return Reply::Json(
                200,
                serde_json::json!({
                    "issuer": url,
                    "authorization_endpoint": format!("{url}/authorize"),
                    "token_endpoint": format!("{url}/token"),
                    "userinfo_endpoint": format!("{url}/userinfo"),
                    "scopes_supported": scopes,
                })
                .to_string(),
            );
        }
        if request.line.contains("/.well-known/oauth-protected-resource/mcp ") {
            let names = self.names.lock().expect("names").clone();
            let resource = format!("{url}/mcp");
            return Reply::Json(
                200,
                serde_json::json!({ "resource": resource, "authorization_servers": names }).to_string(),
            );
        }
        if request.line.contains("/.well-known/elsewhere ") {
            return Reply::Json(200, self.says.lock().expect("says").clone());
        }
        if request.line.contains(" /register ") {
            return Reply::Json(201, r#"{"client_id":"registered","client_secret":"its secret"}"#.to_owned());
        }
        if request.line.contains(" /revoke ") {
            return Reply::Json(200, "{}".to_owned());
        }
        Reply::Json(200, tokens(count))
    }
}

/// Tokens number `count`, for a hundred seconds.
fn tokens(count: usize) -> String {
    let (access, refresh) = (format!("access-{count}"), format!("refresh-{count}"));
    serde_json::json!({ "access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 100 })
        .to_string()
}

async fn read(connection: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let header = |name: &str| {
        let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let length = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    while bytes.len() < head_end + length {
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Request {
        line: head.lines().next().unwrap_or_default().to_owned(),
        authorization: header("authorization"),
        body: String::from_utf8_lossy(&bytes[head_end..]).into_owned(),
    })
}
