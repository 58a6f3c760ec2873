//! Fetching a client's metadata document.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap};
use keyward_core::clock::Timestamp;
use keyward_outbound::{Client, ClientConfig, Guard, Ports, Response, TlsConnector};
use tokio::sync::Semaphore;
use url::Url;

use super::DocumentError;
use crate::config::IssuerConfig;
use crate::limit::StrangerLimit;
use crate::register::metadata::{Metadata, Source, UnverifiedMetadata};

/// The draft (§6.6) recommends 5 KB; documents with logos inlined are seen, so a good deal more is read.
const MAX_BODY_BYTES: usize = 64 * 1024;
const DEADLINE: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 8;
const REMEMBER_FAILURE_FOR: Duration = Duration::from_secs(60);
const MAX_FAILURES: usize = 1024;
/// A copy is used for as long as its server says, within these.
const FRESH_AT_LEAST: u64 = 60;
const FRESH_AT_MOST: u64 = 24 * 60 * 60;
const FRESH_BY_DEFAULT: u64 = 60 * 60;

/// A document that describes its client.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) metadata: Metadata,
    pub(super) fresh_for_seconds: u64,
    /// Whether it is the copy that comes with Keyward.
    pub(super) pinned: bool,
}

/// Fetches documents, a few at once.
#[derive(Debug)]
pub(crate) struct ClientDocuments {
    client: Client,
    places: Semaphore,
    failures: Mutex<HashMap<String, Timestamp>>,
    /// Apart from that of registrations, so that a flood of the one kind does not keep the other out.
    new: StrangerLimit,
}

impl ClientDocuments {
    /// With the limits of `config`.
    pub(crate) fn new(config: &IssuerConfig, tls: TlsConnector) -> Self {
        let guard = if config.allow_private_client_metadata { Guard::Any } else { Guard::PublicOnly };
        let limits = ClientConfig { guard, ports: Ports::Any, deadline: DEADLINE, max_body_bytes: MAX_BODY_BYTES };
        Self {
            client: Client::new(limits, tls),
            places: Semaphore::new(AT_ONCE),
            failures: Mutex::default(),
            new: StrangerLimit::of_registrations(),
        }
    }

    pub(super) async fn fetch(&self, client_id: &str, url: &Url, now: Timestamp) -> Result<Fetched, DocumentError> {
        if self.failed_lately(client_id, now) {
            return Err(DocumentError::FailedLately);
        }
        let _place = self.places.try_acquire().map_err(|_| DocumentError::Busy)?;
        let fetched = match self.client.get(url).await {
            Ok(response) => read(client_id, &response),
            Err(error) => Err(error.into()),
        };
        if fetched.is_err() {
            self.remember_failure(client_id, now);
        }
        fetched
    }

    /// Whether a document that was not known before may be kept: so many at once, and so fast.
    pub(in crate::register) fn admit_new(&self, now: Timestamp) -> bool {
        self.new.take(None, now).is_ok()
    }

    fn failed_lately(&self, client_id: &str, now: Timestamp) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(client_id).is_some_and(|at| now.since(*at) < REMEMBER_FAILURE_FOR)
    }

    pub(in crate::register) fn remember_failure(&self, client_id: &str, now: Timestamp) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MAX_FAILURES {
            failures.retain(|_, at| now.since(*at) < REMEMBER_FAILURE_FOR);
        }
        if failures.len() < MAX_FAILURES {
            failures.insert(client_id.to_owned(), now);
        }
    }
}

fn read(client_id: &str, response: &Response) -> Result<Fetched, DocumentError> {
    if response.status != http::StatusCode::OK {
        return Err(DocumentError::Status(response.status.as_u16()));
    }
    if !is_json(&response.headers) {
        return Err(DocumentError::NotJson);
    }
    let metadata = read_document(client_id, &response.body)?;
    Ok(Fetched { metadata, fresh_for_seconds: fresh_for(&response.headers), pinned: false })
}

/// The client that `document`, found at `client_id`, describes.
pub(super) fn read_document(client_id: &str, document: &[u8]) -> Result<Metadata, DocumentError> {
    let document = UnverifiedMetadata::parse(document)?;
    if document.client_id.as_deref() != Some(client_id) {
        return Err(DocumentError::OtherClientId);
    }
    if document.client_secret.is_some() {
        return Err(DocumentError::HasSecret);
    }
    Ok(document.verify(Source::Document)?)
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// `Cache-Control` (RFC 9111 §5.2.2), as far as it matters here.
fn fresh_for(headers: &HeaderMap) -> u64 {
    let value = headers.get(CACHE_CONTROL).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut directives = value.split(',').map(str::trim);
    let seconds = directives.find_map(|directive| match directive.split_once('=') {
        Some((name, seconds)) if name.eq_ignore_ascii_case("max-age") => seconds.trim_matches('"').parse().ok(),
        None if directive.eq_ignore_ascii_case("no-store") || directive.eq_ignore_ascii_case("no-cache") => Some(0),
        _ => None,
    });
    seconds.unwrap_or(FRESH_BY_DEFAULT).clamp(FRESH_AT_LEAST, FRESH_AT_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "https://a.example/client.json";

    fn read_with(status: u16, content_type: &str, body: &str) -> Result<Fetched, DocumentError> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().expect("header"))]);
        let status = http::StatusCode::from_u16(status).expect("status");
        read(ID, &Response { status, headers, body: body.to_owned().into() })
    }

    #[test]
    fn only_a_document_about_itself_is_taken() {
        let good = format!(r#"{{"client_id":"{ID}","redirect_uris":["https://a.example/cb"]}}"#);
        assert!(read_with(200, "application/json; charset=utf-8", &good).is_ok());
        assert!(read_with(200, "application/client+json", &good).is_ok());
        assert!(matches!(read_with(302, "application/json", &good), Err(DocumentError::Status(302))));
        assert!(matches!(read_with(200, "text/html", &good), Err(DocumentError::NotJson)));
        let other = good.replace("client.json", "other.json");
        assert!(matches!(read_with(200, "application/json", &other), Err(DocumentError::OtherClientId)));
        let secret = good.replace('{', r#"{"client_secret":"x","#);
        assert!(matches!(read_with(200, "application/json", &secret), Err(DocumentError::HasSecret)));
        assert!(matches!(read_with(200, "application/json", "[]"), Err(DocumentError::Metadata(_))));
    }

    #[test]
    fn freshness_stays_within_bounds() {
        let fresh =
            |value: &'static str| fresh_for(&HeaderMap::from_iter([(CACHE_CONTROL, value.parse().expect("header"))]));
        assert_eq!(fresh("public, max-age=300"), 300);
        assert_eq!(fresh("no-store"), FRESH_AT_LEAST);
        assert_eq!(fresh("max-age=99999999"), FRESH_AT_MOST);
        assert_eq!(fresh("public"), FRESH_BY_DEFAULT);
    }
}
