//! What goes over the wire: requests that are wiped when sent, answers that are wiped when read.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::{Zeroize, Zeroizing};

use super::error::OpenBaoError;

/// The longest text of the server that an error repeats, in characters.
const MAX_SAID: usize = 200;
/// Room for the body of most requests, so that no copies are left behind while it grows.
const USUAL_BODY: usize = 8 * 1024;

/// A request: what to do, where, and with what.
pub(super) struct Ask {
    pub(super) method: Method,
    /// For messages: what is done.
    pub(super) operation: &'static str,
    /// Below `/v1/`, with the mount.
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) body: Bytes,
}

impl Ask {
    pub(super) fn read(path: &str) -> Self {
        Self { method: Method::GET, operation: "read", path: path.to_owned(), query: None, body: Bytes::new() }
    }

    pub(super) fn query(mut self, query: String) -> Self {
        self.query = Some(query);
        self
    }

    pub(super) fn list(path: &str) -> Self {
        Self { operation: "list", ..Self::read(path) }.query("list=true".to_owned())
    }

    pub(super) fn delete(path: &str) -> Self {
        Self { method: Method::DELETE, operation: "delete", ..Self::read(path) }
    }

    pub(super) fn write(path: &str, body: &impl Serialize) -> Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity(USUAL_BODY));
        // Structures of texts and numbers always become JSON.
        let _ = serde_json::to_writer(&mut *bytes, body);
        Self { method: Method::POST, operation: "write", body: Bytes::from_owner(bytes), ..Self::read(path) }
    }

    pub(super) fn unreadable(&self) -> OpenBaoError {
        OpenBaoError::Unreadable { operation: self.operation, path: self.path.clone() }
    }
}

/// An answer of whatever status. Its body is wiped when it is dropped, as far as nobody else holds it.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Bytes,
}

impl Answer {
    pub(super) fn new(status: StatusCode, body: Bytes) -> Self {
        Self { status, body }
    }

    /// What is asked for; `None` where there is nothing. With 404, too, there may be something: what is known of a version
    /// that was deleted. A 404 that gives a reason tells of a mount that is not there.
    pub(super) fn found<T: DeserializeOwned>(&self, ask: &Ask) -> Result<Option<T>, OpenBaoError> {
        if self.status == StatusCode::NOT_FOUND && self.errors().is_some_and(|errors| errors.is_empty()) {
            return Ok(serde_json::from_slice(&self.body).ok());
        }
        self.succeeded(ask)?;
        if self.body.is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(&self.body).map(Some).map_err(|_| ask.unreadable())
    }

    /// Whether it was done.
    pub(super) fn succeeded(&self, ask: &Ask) -> Result<(), OpenBaoError> {
        let (operation, path, status) = (ask.operation, ask.path.clone(), self.status.as_u16());
        match status {
            200..=299 => Ok(()),
            403 => Err(OpenBaoError::Denied { operation, path }),
            400 if self.said().starts_with("check-and-set parameter did not match") => Err(OpenBaoError::CheckAndSet),
            // 412: a node that lags behind. 429: a quota, or a standby. 472 and 473: standbys.
            412 | 429 | 472 | 473 | 500..=599 => Err(self.unavailable()),
            _ => Err(OpenBaoError::Refused { operation, path, status, said: self.said() }),
        }
    }

    pub(super) fn unavailable(&self) -> OpenBaoError {
        OpenBaoError::Unavailable { status: self.status.as_u16(), said: self.said() }
    }

    /// The first reason that it gives.
    pub(super) fn said(&self) -> String {
        let first = self.errors().unwrap_or_default().into_iter().next();
        let first = first.unwrap_or_else(|| "it gives no reason".to_owned());
        first.trim().chars().take(MAX_SAID).flat_map(char::escape_debug).collect()
    }

    /// `errors` of its body; a 404 for a version that is deleted has `data` instead.
    fn errors(&self) -> Option<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Errors {
            #[serde(default)]
            errors: Vec<String>,
        }
        serde_json::from_slice::<Errors>(&self.body).ok().map(|body| body.errors)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Ok(mut body) = std::mem::take(&mut self.body).try_into_mut() {
            body.as_mut().zeroize();
        }
    }
}
