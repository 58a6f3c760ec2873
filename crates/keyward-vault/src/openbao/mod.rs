//! OpenBao (HashiCorp Vault speaks the same): one small client for its HTTP API, logged in and kept so.
//!
//! Every call has an end, whatever the server does. A login is made when it is first needed, renewed ahead of time in the
//! background, and made anew when its token is not good any more; many calls at once log in once.

mod auth;
mod error;
mod keep;
mod session;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use keyward_outbound::{Client, ClientConfig, Guard, OutboundError, Ports, TlsConnector};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

pub use auth::OpenBaoAuth;
pub use error::OpenBaoError;
use session::Session;
use wire::{Answer, Ask};

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// What keeps requests that a browser was tricked into away from agents that ask for it.
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");

/// How long one request may take.
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);
/// How long one call may take, with the login that it may need.
const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// How long an answer may be: a value of 1 MiB in which every character is escaped.
const MAX_ANSWER_BYTES: usize = 8 << 20;
/// A login younger than this is not made anew when a request is denied.
const YOUNG: Duration = Duration::from_secs(10);

/// Where OpenBao is and how Keyward logs in.
#[derive(Clone, Debug)]
pub struct OpenBaoConfig {
    /// Its address, `https://bao.example.com:8200`; a path before `/v1` may be part of it.
    pub address: Url,
    /// The namespace that everything is in, mounts of auth methods included.
    pub namespace: Option<HeaderValue>,
    /// How Keyward logs in.
    pub auth: OpenBaoAuth,
    /// The certificates to trust.
    pub tls: TlsConnector,
}

/// A client. Clones are handles to the same one and share its login.
#[derive(Clone)]
pub struct OpenBao(Arc<Inner>);

struct Inner {
    connection: Connection,
    auth: OpenBaoAuth,
    session: ArcSwapOption<Session>,
    /// Held while the session is changed, so that many calls at once log in once.
    changing: Mutex<()>,
}

/// Sends requests; knows nothing of logins.
struct Connection {
    http: Client,
    address: Url,
    namespace: Option<HeaderValue>,
}

/// `data` of an answer.
#[derive(Deserialize)]
struct Data<T> {
    data: Option<T>,
}

impl OpenBao {
    /// A client; it logs in when it is first used. Needs a tokio runtime: a task on it renews the login until the last
    /// handle is dropped.
    pub fn new(config: OpenBaoConfig) -> Self {
        let OpenBaoConfig { address, namespace, auth, tls } = config;
        let limits = ClientConfig {
            guard: Guard::Any,
            ports: Ports::Any,
            deadline: REQUEST_DEADLINE,
            max_body_bytes: MAX_ANSWER_BYTES,
        };
        let connection = Connection { http: Client::new(limits, tls), address, namespace };
        let inner = Inner { connection, auth, session: ArcSwapOption::empty(), changing: Mutex::new(()) };
        let inner = Arc::new(inner);
        tokio::spawn(keep::logged_in(Arc::downgrade(&inner)));
        Self(inner)
    }

    /// `data` of what is at `path` (with its mount, without `/v1/`); `None` when there is nothing.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, OpenBaoError> {
        self.data(Ask::read(path)).await
    }

    /// The same, of one version of a secret of KV v2.
    pub(crate) async fn read_version<T: DeserializeOwned>(
        &self,
        path: &str,
        version: i64,
    ) -> Result<Option<T>, OpenBaoError> {
        self.data(Ask::read(path).query(format!("version={version}"))).await
    }

    /// The names below `path`; those of folders end with a slash.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<String>, OpenBaoError> {
        #[derive(Deserialize)]
        struct Listed {
            keys: Vec<String>,
        }
        let listed: Option<Listed> = self.data(Ask::list(path)).await?;
        Ok(listed.map(|listed| listed.keys).unwrap_or_default())
    }

    /// Sends `body` to `path`; gives `data` of the answer, when it has any.
    pub(crate) async fn write<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Option<T>, OpenBaoError> {
        self.data(Ask::write(path, body)).await
    }

    /// Deletes what is at `path`.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), OpenBaoError> {
        let ask = Ask::delete(path);
        self.call(&ask).await?.succeeded(&ask)
    }

    async fn data<T: DeserializeOwned>(&self, ask: Ask) -> Result<Option<T>, OpenBaoError> {
        let found: Option<Data<T>> = self.call(&ask).await?.found(&ask)?;
        Ok(found.and_then(|found| found.data))
    }

    async fn call(&self, ask: &Ask) -> Result<Answer, OpenBaoError> {
        let called = tokio::time::timeout(CALL_DEADLINE, self.0.call(ask)).await;
        called.unwrap_or(Err(OpenBaoError::Unreachable(OutboundError::Deadline)))
    }
}

impl Inner {
    async fn call(&self, ask: &Ask) -> Result<Answer, OpenBaoError> {
        let session = self.session().await?;
        let answer = self.connection.send(ask, Some(&session)).await?;
        if answer.status != StatusCode::FORBIDDEN {
            return Ok(answer);
        }
        match self.session_after_denial(&session).await? {
            Some(another) => self.connection.send(ask, Some(&another)).await,
            None => Ok(answer),
        }
    }

    async fn session(&self) -> Result<Arc<Session>, OpenBaoError> {
        let good = || self.session.load_full().filter(|session| session.is_good());
        if let Some(session) = good() {
            return Ok(session);
        }
        let _one_at_a_time = self.changing.lock().await;
        match good() {
            Some(session) => Ok(session),
            None => self.log_in().await,
        }
    }

    /// A session to try once more with, if `denied` was denied because its token is not good any more. A policy that does
    /// not allow what was asked for gives the same status, and no login helps against it.
    async fn session_after_denial(&self, denied: &Arc<Session>) -> Result<Option<Arc<Session>>, OpenBaoError> {
        let _one_at_a_time = self.changing.lock().await;
        match self.session.load_full() {
            Some(current) if !Arc::ptr_eq(&current, denied) => return Ok(Some(current)),
            _ => {}
        }
        let looked_up = self.connection.send(&Ask::read("auth/token/lookup-self"), Some(denied)).await?;
        // Where the policy does not even allow this, a login that was made just now is good all the same.
        if looked_up.status != StatusCode::FORBIDDEN || denied.since.elapsed() < YOUNG {
            return Ok(None);
        }
        self.log_in().await.map(Some)
    }

    /// Called with `changing` held.
    async fn log_in(&self) -> Result<Arc<Session>, OpenBaoError> {
        let session = Arc::new(self.auth.log_in(&self.connection).await?);
        self.session.store(Some(session.clone()));
        Ok(session)
    }
}

impl Connection {
    async fn send(&self, ask: &Ask, session: Option<&Session>) -> Result<Answer, OpenBaoError> {
        let mut url = self.address.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(ask.path.split('/'));
        }
        url.set_query(ask.query.as_deref());
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST, HeaderValue::from_static("true"));
        if let Some(session) = session {
            headers.insert(TOKEN, session.token.clone());
        }
        if let Some(namespace) = &self.namespace {
            headers.insert(NAMESPACE, namespace.clone());
        }
        if !ask.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let body: Bytes = ask.body.clone();
        let sent = self.http.send(ask.method.clone(), &url, headers, body).await;
        sent.map(|answer| Answer::new(answer.status, answer.body)).map_err(OpenBaoError::Unreachable)
    }
}

impl fmt::Debug for OpenBao {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenBao")
    }
}
