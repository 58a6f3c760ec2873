//! What the gateway puts into a call: a service token as a header, and the rule it was made by.

mod spec;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

pub use spec::{CredentialSpec, InvalidCredentialSpec};

use crate::error::VaultError;
use crate::name::TokenName;
use crate::store::OpenedToken;

/// A header with a service token in it, ready to be put into a call. Only the vault makes one.
pub struct Credential {
    header: HeaderName,
    value: HeaderValue,
    version: i64,
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
}

impl Credential {
    pub(crate) fn new(spec: &CredentialSpec, token: &OpenedToken) -> Result<Self, CredentialError> {
        let refused = || CredentialError::NotForHeaders(spec.token().clone());
        let plain = token.value.expose_secret();
        let printable = plain.iter().all(|b| matches!(b, b' '..=b'~'));
        if !printable || plain.first() == Some(&b' ') || plain.last() == Some(&b' ') {
            return Err(refused());
        }
        let (before, after) = spec.around();
        let mut text = Zeroizing::new(Vec::with_capacity(before.len() + plain.len() + after.len()));
        text.extend_from_slice(before.as_bytes());
        text.extend_from_slice(plain);
        text.extend_from_slice(after.as_bytes());
        // Shared bytes are taken over, not copied; the last clone of the header wipes them.
        let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text)).map_err(|_| refused())?;
        value.set_sensitive(true);
        Ok(Self { header: spec.header().clone(), value, version: token.version })
    }

    /// Puts it into a call, in place of whatever had its header.
    pub fn apply(&self, headers: &mut HeaderMap) {
        headers.insert(self.header.clone(), self.value.clone());
    }

    /// The version of the token, for the call's audit record.
    pub fn version(&self) -> i64 {
        self.version
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential")
    }
}

#[cfg(test)]
mod tests {
    use keyward_core::secret::Secret;

    use super::*;

    fn credential(format: &str, value: &[u8]) -> Result<HeaderMap, CredentialError> {
        let name = "coda/api_token".parse().expect("name");
        let spec = CredentialSpec::new(name, HeaderName::from_static("x-key"), format).expect("spec");
        let token = OpenedToken { value: Secret::new(value.to_vec()), version: 3, expires_at: None };
        let credential = Credential::new(&spec, &token)?;
        assert_eq!((format!("{credential:?}").as_str(), credential.version()), ("Credential", 3));
        let mut headers = HeaderMap::new();
        headers.append("x-key", HeaderValue::from_static("the client's own"));
        headers.append("x-key", HeaderValue::from_static("and another"));
        credential.apply(&mut headers);
        Ok(headers)
    }

    #[test]
    fn replaces_the_header_and_hides_it() {
        let headers = credential("Token token=\"{token}\"", b"s3cret").expect("credential");
        assert_eq!(headers.get_all("x-key").iter().collect::<Vec<_>>(), ["Token token=\"s3cret\""]);
        assert!(!format!("{headers:?}").contains("s3cret"));
    }

    #[test]
    fn refuses_what_would_break_a_header() {
        for bad in [&b"a\r\nX-Evil: 1"[..], b"a\n", b"\0", b"a\tb", b"\x7f", b"\xff\xfe", "é".as_bytes(), b" a", b"a "]
        {
            let error = credential("Bearer {token}", bad).expect_err("refused");
            assert!(matches!(&error, CredentialError::NotForHeaders(_)), "{error}");
        }
    }
}
