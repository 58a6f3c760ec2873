//! What an application brings to the SDK's OAuth: a redirect URI, a browser, and an ear for what the SDK asks and gets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rmcp::transport::auth::{OAuthHttpClient, OAuthHttpClientFuture, OAuthHttpRequest, default_oauth_http_client};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;
use url::Url;

use crate::output::emit;
use keyward_e2e::workspace;

/// The SDK's HTTP client for OAuth, with each exchange told.
pub(crate) struct Recording<C> {
    client: C,
    record: Arc<Record>,
}

/// What went over the token endpoint.
#[derive(Default)]
pub(crate) struct Record(Mutex<Recorded>);

#[derive(Default)]
struct Recorded {
    requests: Vec<Value>,
    expires_at: Option<Instant>,
}

impl Record {
    /// A client that writes here.
    pub(crate) fn client(self: &Arc<Self>) -> Result<Arc<dyn OAuthHttpClient>> {
        Ok(Arc::new(Recording { client: default_oauth_http_client()?, record: Arc::clone(self) }))
    }

    /// The token requests so far.
    pub(crate) fn token_requests(&self) -> Vec<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).requests.clone()
    }

    /// When the access token in hand ends.
    pub(crate) fn expires_at(&self) -> Result<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).expires_at.context("the access token has no expires_in")
    }

    fn note(&self, form: &BTreeMap<String, String>, status: u16, answer: &Value) {
        let asked = json!({ "scope": form.get("scope"), "resource": form.get("resource") });
        let grant_type = &form["grant_type"];
        emit("token", &json!({ "grant_type": grant_type, "asked": asked, "status": status, "answer": answer }));
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.requests.push(json!({ "grant_type": grant_type, "status": status, "error": answer["error"] }));
        if let Some(seconds) = answer["expires_in"].as_u64() {
            recorded.expires_at = Some(Instant::now() + Duration::from_secs(seconds));
        }
    }
}

impl<C: OAuthHttpClient> OAuthHttpClient for Recording<C> {
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        let method = request.request.method().to_string();
        let url = request.request.uri().to_string();
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(request.request.body()).into_owned().collect();
        Box::pin(async move {
            let response = self.client.execute(request).await?;
            let status = response.status().as_u16();
            emit("http", &json!({ "method": method, "url": url, "status": status }));
            if form.contains_key("grant_type") {
                self.record.note(&form, status, &serde_json::from_slice(response.body()).unwrap_or_default());
            }
            Ok(response)
        })
    }
}

/// A loopback redirect URI (RFC 8252 §7.3) and the person who is sent to the pages.
pub(crate) struct Person {
    listener: TcpListener,
    script: Value,
    /// How often the browser was opened.
    pub(crate) authorizations: u32,
}

impl Person {
    pub(crate) async fn new(script: Value) -> Result<Self> {
        Ok(Self { listener: TcpListener::bind("127.0.0.1:0").await?, script, authorizations: 0 })
    }

    pub(crate) fn redirect_uri(&self) -> Result<String> {
        Ok(format!("http://{}/callback", self.listener.local_addr()?))
    }

    /// Sends the browser there; gives the address that it was sent back to.
    pub(crate) async fn authorize(&mut self, url: &str) -> Result<String> {
        self.authorizations += 1;
        let asked: BTreeMap<String, String> = Url::parse(url)?.query_pairs().into_owned().collect();
        emit("authorization", &json!({ "endpoint": url.split('?').next(), "asked": asked, "browser": true }));
        let mut ride = self.script.clone();
        ride["start"] = json!(url);
        ride["until"] = json!(self.redirect_uri()?);
        let mut browser = Command::new(workspace::node()?);
        browser.arg(workspace::node_program("browser.mjs")).arg(ride.to_string()).kill_on_drop(true);
        let (seen, answer) = tokio::join!(browser.output(), self.receive());
        let seen = seen?;
        let pages: Value = serde_json::from_slice(&seen.stdout).context("the browser said nothing")?;
        emit("pages", &json!({ "pages": pages["pages"], "console": pages["console"] }));
        if !seen.status.success() {
            bail!("the browser failed: {}", pages["error"]);
        }
        let answer = answer?;
        let told: BTreeMap<String, String> = Url::parse(&answer)?.query_pairs().into_owned().collect();
        emit(
            "answer",
            &json!({ "has_code": told.contains_key("code"), "iss": told.get("iss"), "error": told.get("error") }),
        );
        Ok(answer)
    }

    async fn receive(&self) -> Result<String> {
        loop {
            let (mut connection, _) = self.listener.accept().await?;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0; 1];
                if connection.read(&mut byte).await? == 0 {
                    break;
                }
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let target = head.split(' ').nth(1).unwrap_or_default();
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 24\r\nConnection: close\r\n\r\nYou may close this page.";
            connection.write_all(answer.as_bytes()).await?;
            if target.starts_with("/callback") {
                return Ok(format!("http://{}{target}", self.listener.local_addr()?));
            }
        }
    }
}
