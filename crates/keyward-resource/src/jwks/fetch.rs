//! Fetching a key set over HTTPS.

use std::time::Duration;

use http::StatusCode;
use http::header::{AGE, CACHE_CONTROL, DATE, HeaderMap, LOCATION};
use keyward_core::clock::Timestamp;
use keyward_core::words;
use keyward_outbound::{Client, OutboundError};
use url::Url;

use super::{InvalidKeySet, KeySet};

/// Why a fetch gave no usable set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{0}")]
    Discovery(String),
    #[error("its metadata names no jwks_uri")]
    NoKeySet,
    #[error("its keys at {url} cannot be fetched")]
    Outbound { url: Url, source: OutboundError },
    #[error("{url} answers with a redirect ({status}) to \"{location}\", which is not followed: name that as jwks_uri")]
    Redirect { url: Url, status: u16, location: String },
    #[error("{url} answered {status} in place of its keys")]
    Status { url: Url, status: u16 },
    #[error("{url} answered a web page in place of its keys")]
    Page { url: Url },
    #[error("the answer of {url} is not used")]
    Invalid { url: Url, source: InvalidKeySet },
    #[error("the key set at {url} has no key that could be used")]
    NoUsableKey { url: Url },
}

/// A fetched set and how long its issuer says that it is good.
pub(crate) struct Fetched {
    pub(crate) keys: KeySet,
    pub(crate) document: bytes::Bytes,
    pub(crate) max_age: Option<Duration>,
    /// The issuer's time.
    pub(crate) date: Option<Timestamp>,
}

pub(crate) async fn fetch(client: &Client, url: &Url) -> Result<Fetched, FetchError> {
    let url = || url.clone();
    let response = client.get(&url()).await.map_err(|source| FetchError::Outbound { url: url(), source })?;
    let status = response.status.as_u16();
    if response.status.is_redirection() {
        let location = response.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.and_then(words::tame).unwrap_or_default();
        return Err(FetchError::Redirect { url: url(), status, location });
    }
    if response.status != StatusCode::OK {
        return Err(FetchError::Status { url: url(), status });
    }
    if response.body.trim_ascii_start().starts_with(b"<") {
        return Err(FetchError::Page { url: url() });
    }
    let keys = KeySet::from_jwks(&response.body).map_err(|source| FetchError::Invalid { url: url(), source })?;
    if keys.is_empty() {
        return Err(FetchError::NoUsableKey { url: url() });
    }
    let (max_age, date) = (max_age(&response.headers), date(&response.headers));
    Ok(Fetched { keys, max_age, date, document: response.body })
}

/// `Date` (RFC 9110 §6.6.1), and as much later as a cache says that it held the answer (RFC 9111 §5.1).
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let date = Timestamp::from_http_date(headers.get(DATE)?.to_str().ok()?)?;
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok()).unwrap_or(0);
    Some(date.plus(Duration::from_secs(age)))
}

/// `max-age` (RFC 9111 §5.2.2.1); zero with `no-store` and `no-cache`, which the cache's lower bound then lifts.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let mut found = None;
    for value in headers.get_all(CACHE_CONTROL) {
        for directive in value.to_str().unwrap_or_default().split(',').map(str::trim) {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
                return Some(Duration::ZERO);
            }
            if name.eq_ignore_ascii_case("max-age") {
                found = argument.trim_matches('"').parse().ok().map(Duration::from_secs);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_issuers_time_is_that_of_its_answer_and_its_age() {
        let of = |pairs: Vec<(http::HeaderName, &'static str)>| {
            let headers = pairs.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value)));
            date(&headers.collect()).map(Timestamp::as_seconds)
        };
        let written = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(of(vec![(DATE, written)]), Some(784_111_777));
        assert_eq!(of(vec![(DATE, written), (AGE, "60")]), Some(784_111_837));
        assert_eq!((of(vec![(DATE, "today")]), of(vec![(AGE, "60")])), (None, None));
    }

    #[test]
    fn max_age_is_read_where_it_is() {
        let of = |values: &[&'static str]| {
            max_age(&values.iter().map(|value| (CACHE_CONTROL, HeaderValue::from_static(value))).collect())
        };
        assert_eq!(of(&["public, Max-Age=60"]), Some(Duration::from_secs(60)));
        assert_eq!(of(&["public", "max-age=\"7\""]), Some(Duration::from_secs(7)));
        assert_eq!(of(&["max-age=60, no-cache"]), Some(Duration::ZERO));
        assert_eq!(of(&["max-age=-1"]), None);
        assert_eq!(of(&[]), None);
    }
}
