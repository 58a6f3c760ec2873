//! Which token a server needs, in which header, in which form.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use http::header;

use crate::name::TokenName;

const PLACEHOLDER: &str = "{token}";

/// A rule: this token, in this header, in this form. Cheap to clone.
///
/// ```
/// use http::header::AUTHORIZATION;
/// use keyward_vault::CredentialSpec;
///
/// let spec = CredentialSpec::new("coda/api_token".parse()?, AUTHORIZATION, "Bearer {token}")?;
/// assert_eq!(spec.token().to_string(), "coda/api_token");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CredentialSpec(Arc<Parts>);

#[derive(PartialEq, Eq, Hash)]
struct Parts {
    token: TokenName,
    header: HeaderName,
    before: String,
    after: String,
}

/// A rule that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCredentialSpec {
    /// The format has no `{token}`, or several, or other braces.
    #[error(
        "the format of a credential holds {PLACEHOLDER} exactly once and no other brace, for example \"Bearer {PLACEHOLDER}\""
    )]
    Placeholder,
    /// The format has characters that no header may have.
    #[error("the format of a credential holds printable ASCII only, and no space at its ends")]
    Characters,
    /// The header is one that the connection, the message or the protocol needs.
    #[error("a credential cannot be sent in the header \"{0}\"")]
    Header(HeaderName),
    /// The token is a secret of Keyward's own.
    #[error("a secret of Keyward's own is never sent to a server")]
    OwnSecret,
}

impl CredentialSpec {
    /// A rule; `format` is the header's value with `{token}` where the token goes.
    pub fn new(token: TokenName, header: HeaderName, format: &str) -> Result<Self, InvalidCredentialSpec> {
        if token.is_own() {
            return Err(InvalidCredentialSpec::OwnSecret);
        }
        if is_taken(&header) {
            return Err(InvalidCredentialSpec::Header(header));
        }
        let (before, after) = format.split_once(PLACEHOLDER).ok_or(InvalidCredentialSpec::Placeholder)?;
        if before.contains(['{', '}']) || after.contains(['{', '}']) {
            return Err(InvalidCredentialSpec::Placeholder);
        }
        if !format.bytes().all(|b| matches!(b, b' '..=b'~')) || format.trim() != format {
            return Err(InvalidCredentialSpec::Characters);
        }
        Ok(Self(Arc::new(Parts { token, header, before: before.to_owned(), after: after.to_owned() })))
    }

    /// The token.
    pub fn token(&self) -> &TokenName {
        &self.0.token
    }

    /// The header.
    pub fn header(&self) -> &HeaderName {
        &self.0.header
    }

    /// What stands before and after the token.
    pub(crate) fn around(&self) -> (&str, &str) {
        (&self.0.before, &self.0.after)
    }
}

/// Headers of the message and the connection (RFC 9110 §7.6.1), and those that MCP's HTTP transport gives a meaning.
fn is_taken(header: &HeaderName) -> bool {
    let message = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::CONNECTION,
        header::UPGRADE,
        header::EXPECT,
        header::ACCEPT,
        header::PROXY_AUTHORIZATION,
        header::PROXY_AUTHENTICATE,
    ];
    message.contains(header)
        || matches!(header.as_str(), "keep-alive" | "proxy-connection" | "last-event-id")
        || header.as_str().starts_with("mcp-")
}

impl fmt::Debug for CredentialSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.token(), self.header())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(header: &'static str, format: &str) -> Result<CredentialSpec, InvalidCredentialSpec> {
        CredentialSpec::new("coda/api_token".parse().expect("name"), HeaderName::from_static(header), format)
    }

    #[test]
    fn formats_hold_the_token_once() {
        for good in ["{token}", "Bearer {token}", "Token token=\"{token}\", v=2"] {
            assert!(spec("authorization", good).is_ok(), "{good}");
        }
        for bad in ["", "Bearer", "{token}{token}", "{ token }", "{user}:{token}", "{{token}}", "Bearer {Token}"] {
            assert_eq!(spec("authorization", bad), Err(InvalidCredentialSpec::Placeholder), "{bad}");
        }
        for bad in ["Bearer {token}\r\n", "Bearer\t{token}", "é{token}", " {token}", "{token} ", "\0{token}"] {
            assert_eq!(spec("authorization", bad), Err(InvalidCredentialSpec::Characters), "{bad:?}");
        }
    }

    #[test]
    fn some_headers_and_names_are_not_for_credentials() {
        for bad in ["host", "content-length", "connection", "transfer-encoding", "mcp-session-id", "keep-alive"] {
            assert!(matches!(spec(bad, "{token}"), Err(InvalidCredentialSpec::Header(_))), "{bad}");
        }
        let own = TokenName::own("signing").expect("name");
        let refused = CredentialSpec::new(own, header::AUTHORIZATION, "{token}");
        assert_eq!(refused, Err(InvalidCredentialSpec::OwnSecret));
    }
}
