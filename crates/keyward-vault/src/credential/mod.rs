//! Credentials: opened tokens in the form that a call carries.

mod spec;

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use keyward_core::clock::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use url::Url;
use zeroize::Zeroizing;

pub(crate) use spec::Form;
pub use spec::{CredentialSpec, InvalidCredentialSpec};

use crate::error::VaultError;
use crate::name::TokenName;
use crate::store::OpenedToken;

/// All but the unreserved characters (RFC 3986 §2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// How long a value may be to stand in a query, encoded: many servers take no more.
const MAX_IN_QUERY: usize = 8 << 10;

/// A service token in the form of a call, ready to be put into one. Only the vault makes one.
pub struct Credential {
    place: Put,
    version: i64,
    earlier_until: Option<Timestamp>,
}

enum Put {
    Header(HeaderName, HeaderValue),
    /// `name=value`, encoded.
    Query(Zeroizing<Vec<u8>>),
}

/// Why there is no credential for a call. The name of the token may be shown to operators.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CredentialError {
    /// No store has the token.
    #[error("token {0} is not set")]
    Missing(TokenName),
    /// It cannot be had now; another try may succeed.
    #[error("token {name} is not available: {cause}")]
    Unavailable {
        /// The token.
        name: TokenName,
        /// Why.
        cause: Arc<VaultError>,
    },
    /// It is there and does not open.
    #[error("{0}")]
    Corrupt(Arc<VaultError>),
    /// It opens, and its value cannot stand in a header.
    #[error("token {0} cannot be sent in a header: it has characters other than printable ASCII, or a space at an end")]
    NotForHeaders(TokenName),
    /// It opens, and its value is not what Basic authentication sends.
    #[error(
        "token {0} cannot be sent by Basic authentication: its value is \"user:password\", or a password when the user name is configured, without control characters"
    )]
    NotForBasic(TokenName),
    /// It opens, and its value is too long for a query.
    #[error("token {0} cannot be sent in a query: it is longer than {MAX_IN_QUERY} bytes, encoded")]
    NotForQuery(TokenName),
}

impl Credential {
    pub(crate) fn new(spec: &CredentialSpec, token: &OpenedToken) -> Result<Self, CredentialError> {
        let (plain, name) = (token.value.expose_secret(), spec.token());
        let place = match spec.form() {
            Form::Header { name: header, before, after } => {
                let printable = plain.iter().all(|b| matches!(b, b' '..=b'~'));
                if !printable || plain.first() == Some(&b' ') || plain.last() == Some(&b' ') {
                    return Err(CredentialError::NotForHeaders(name.clone()));
                }
                let mut text = Zeroizing::new(Vec::with_capacity(before.len() + plain.len() + after.len()));
                text.extend_from_slice(before.as_bytes());
                text.extend_from_slice(plain);
                text.extend_from_slice(after.as_bytes());
                let value = sensitive(text).ok_or_else(|| CredentialError::NotForHeaders(name.clone()))?;
                Put::Header(header.clone(), value)
            }
            Form::Basic { username } => {
                let value = basic(username.as_deref(), plain);
                Put::Header(header::AUTHORIZATION, value.ok_or_else(|| CredentialError::NotForBasic(name.clone()))?)
            }
            Form::Query { parameter } => {
                let pair = query(parameter, plain);
                Put::Query(pair.ok_or_else(|| CredentialError::NotForQuery(name.clone()))?)
            }
        };
        Ok(Self { place, version: token.version, earlier_until: None })
    }

    /// Puts it into a call, in place of whatever had its header, or behind the query that the target has. `None`, and
    /// nothing done, when target and query together are too long to be written.
    pub fn apply<B>(&self, request: &mut Request<B>) -> Option<()> {
        match &self.place {
            Put::Header(name, value) => {
                request.headers_mut().insert(name.clone(), value.clone());
            }
            Put::Query(pair) => {
                let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
                let mut text = Zeroizing::new(Vec::with_capacity(target.len() + 1 + pair.len()));
                text.extend_from_slice(target.as_bytes());
                text.push(if target.contains('?') { b'&' } else { b'?' });
                text.extend_from_slice(pair);
                // Shared bytes are taken over, not copied; the last clone of the target wipes them.
                let target = PathAndQuery::from_maybe_shared(Bytes::from_owner(text)).ok()?;
                *request.uri_mut() = Uri::from(target);
            }
        }
        Some(())
    }

    /// What a request of `url` must be to carry it: the URL to be asked, and a header where it is one.
    pub fn request(&self, url: &Url) -> Option<(Url, HeaderMap)> {
        let (mut url, mut headers) = (url.clone(), HeaderMap::new());
        match &self.place {
            Put::Header(name, value) => drop(headers.insert(name.clone(), value.clone())),
            Put::Query(pair) => {
                let pair = std::str::from_utf8(pair).ok()?;
                let query = url.query().map_or_else(|| pair.to_owned(), |query| format!("{query}&{pair}"));
                url.set_query(Some(&Zeroizing::new(query)));
            }
        }
        Some((url, headers))
    }

    /// The version of the token, for the call's audit record.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Until when an earlier version of the token may be tried in its place, if there was one when it was opened.
    pub fn earlier_until(&self) -> Option<Timestamp> {
        self.earlier_until
    }

    pub(crate) fn with_earlier_until(mut self, until: Option<Timestamp>) -> Self {
        self.earlier_until = until;
        self
    }
}

/// A header value that is wiped with its last clone: shared bytes are taken over, not copied.
fn sensitive(text: Zeroizing<Vec<u8>>) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// RFC 7617 §2: user, colon, password, neither with a control character, in base64.
fn basic(username: Option<&str>, plain: &[u8]) -> Option<HeaderValue> {
    let control = |b: &u8| b.is_ascii_control();
    let has_user = username.is_some() || plain.iter().position(|b| *b == b':').is_some_and(|at| at > 0);
    if !has_user || plain.iter().any(control) {
        return None;
    }
    let mut pair = Zeroizing::new(Vec::with_capacity(username.map_or(0, |name| name.len() + 1) + plain.len()));
    if let Some(name) = username {
        pair.extend_from_slice(name.as_bytes());
        pair.push(b':');
    }
    pair.extend_from_slice(plain);
    let scheme = b"Basic ";
    let mut text = Zeroizing::new(vec![0; scheme.len() + pair.len().div_ceil(3) * 4]);
    text[..scheme.len()].copy_from_slice(scheme);
    STANDARD.encode_slice(&*pair, &mut text[scheme.len()..]).ok()?;
    sensitive(text)
}

fn query(parameter: &str, plain: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let length = percent_encode(plain, ENCODED).map(str::len).sum::<usize>();
    if length > MAX_IN_QUERY {
        return None;
    }
    let mut pair = Zeroizing::new(Vec::with_capacity(parameter.len() + 1 + length));
    pair.extend_from_slice(parameter.as_bytes());
    pair.push(b'=');
    percent_encode(plain, ENCODED).for_each(|piece| pair.extend_from_slice(piece.as_bytes()));
    Some(pair)
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential")
    }
}

#[cfg(test)]
mod tests;
