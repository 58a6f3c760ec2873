//! Which token a server needs, and how it is written into a call.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use http::header;
use keyward_core::id::UserId;

use crate::name::TokenName;

const PLACEHOLDER: &str = "{token}";
/// More than any API names a parameter or a user.
const MAX_WORD: usize = 128;

/// A rule: this token, in this form. Cheap to clone.
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
pub struct CredentialSpec {
    token: TokenName,
    form: Arc<Form>,
}

/// How a token is written into a call.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// A header, with the token between two texts.
    Header { name: HeaderName, before: String, after: String },
    /// HTTP's Basic scheme (RFC 7617): the token is the password, or `user:password` where no user is configured.
    Basic { username: Option<String> },
    /// A parameter of the query.
    Query { parameter: String },
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
    /// The user name cannot stand before the colon of Basic (RFC 7617 §2).
    #[error(
        "the user name of a credential has 1 to {MAX_WORD} characters, none of them a colon or a control character"
    )]
    Username,
    /// The parameter's name would have to be encoded.
    #[error("the query parameter of a credential has 1 to {MAX_WORD} letters, digits, '-', '.', '_' and '~'")]
    Parameter,
    /// The token is a secret of Keyward's own.
    #[error("a secret of Keyward's own is never sent to a server")]
    OwnSecret,
}

impl CredentialSpec {
    /// A token in a header; `format` is the header's value with `{token}` where the token goes.
    pub fn new(token: TokenName, header: HeaderName, format: &str) -> Result<Self, InvalidCredentialSpec> {
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
        Self::of(token, Form::Header { name: header, before: before.to_owned(), after: after.to_owned() })
    }

    /// `Authorization: Bearer TOKEN` (RFC 6750 §2.1).
    pub fn bearer(token: TokenName) -> Result<Self, InvalidCredentialSpec> {
        Self::new(token, header::AUTHORIZATION, "Bearer {token}")
    }

    /// `Authorization: Basic …` (RFC 7617). The token is the password of `username`; without one the token's value is
    /// `user:password`.
    pub fn basic(token: TokenName, username: Option<&str>) -> Result<Self, InvalidCredentialSpec> {
        let fits = |name: &str| {
            (1..=MAX_WORD).contains(&name.chars().count()) && !name.contains(|c: char| c == ':' || c.is_control())
        };
        if !username.is_none_or(fits) {
            return Err(InvalidCredentialSpec::Username);
        }
        Self::of(token, Form::Basic { username: username.map(str::to_owned) })
    }

    /// A parameter of the query. URLs are written into logs by many programs: only for an upstream that takes nothing
    /// better.
    pub fn query(token: TokenName, parameter: &str) -> Result<Self, InvalidCredentialSpec> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        if !(1..=MAX_WORD).contains(&parameter.len()) || !parameter.bytes().all(plain) {
            return Err(InvalidCredentialSpec::Parameter);
        }
        Self::of(token, Form::Query { parameter: parameter.to_owned() })
    }

    fn of(token: TokenName, form: Form) -> Result<Self, InvalidCredentialSpec> {
        if token.is_own() { Err(InvalidCredentialSpec::OwnSecret) } else { Ok(Self { token, form: Arc::new(form) }) }
    }

    /// The same rule for the token of one person.
    #[must_use]
    pub fn owned_by(&self, person: UserId) -> Self {
        Self { token: self.token.clone().owned_by(person), form: Arc::clone(&self.form) }
    }

    /// The token.
    pub fn token(&self) -> &TokenName {
        &self.token
    }

    pub(crate) fn form(&self) -> &Form {
        &self.form
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
        match &*self.form {
            Form::Header { name, .. } => write!(f, "{:?} in {name}", self.token),
            Form::Basic { .. } => write!(f, "{:?} in {}", self.token, header::AUTHORIZATION),
            Form::Query { parameter } => write!(f, "{:?} in ?{parameter}", self.token),
        }
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

    #[test]
    fn user_names_have_no_colon_and_parameters_need_no_encoding() {
        let name: TokenName = "coda/api_token".parse().expect("name");
        for good in [None, Some("ann"), Some("Ann Ünal")] {
            assert!(CredentialSpec::basic(name.clone(), good).is_ok(), "{good:?}");
        }
        for bad in ["", "a:b", "a\n", "a\0", &"a".repeat(129)] {
            let refused = CredentialSpec::basic(name.clone(), Some(bad));
            assert_eq!(refused, Err(InvalidCredentialSpec::Username), "{bad:?}");
        }
        assert!(CredentialSpec::query(name.clone(), "api-key").is_ok());
        for bad in ["", "a b", "a=b", "a&b", "a%20", "é", &"a".repeat(129)] {
            assert_eq!(CredentialSpec::query(name.clone(), bad), Err(InvalidCredentialSpec::Parameter), "{bad:?}");
        }
    }

    #[test]
    fn a_persons_rule_differs_in_the_token_alone() {
        let [ann, bob] = [1, 2].map(|id| UserId(uuid::Uuid::from_u128(id)));
        let shared = spec("authorization", "Bearer {token}").expect("spec");
        assert_eq!(shared.owned_by(ann), shared.owned_by(ann));
        assert!(shared.owned_by(ann) != shared.owned_by(bob) && shared.owned_by(ann) != shared);
        assert_eq!(shared.owned_by(ann).token().owner(), Some(ann));
    }
}
