//! Fetching a key set over HTTPS.

use std::time::Duration;

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderMap};
use keyward_outbound::{Client, OutboundError};
use url::Url;

use super::{InvalidKeySet, KeySet};

/// Why a fetch gave no usable set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("the key set's URL answered {0}")]
    Status(StatusCode),
    #[error(transparent)]
    Invalid(#[from] InvalidKeySet),
    #[error("the key set has no key that could be used")]
    NoUsableKey,
}

/// A fetched set and how long its issuer says that it is good.
pub(crate) struct Fetched {
    pub(crate) keys: KeySet,
    pub(crate) document: bytes::Bytes,
    pub(crate) max_age: Option<Duration>,
}

pub(crate) async fn fetch(client: &Client, url: &Url) -> Result<Fetched, FetchError> {
    let response = client.get(url).await?;
    if response.status != StatusCode::OK {
        return Err(FetchError::Status(response.status));
    }
    let keys = KeySet::from_jwks(&response.body)?;
    if keys.is_empty() {
        return Err(FetchError::NoUsableKey);
    }
    Ok(Fetched { keys, max_age: max_age(&response.headers), document: response.body })
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
