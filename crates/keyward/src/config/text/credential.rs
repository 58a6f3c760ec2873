//! How a credential is written into a request.

use super::TextValue;

/// The header value around a service token: `Bearer {token}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CredentialFormat(pub(crate) String);

impl TextValue for CredentialFormat {
    const FORMAT: &'static str = "keyward-credential-format";
    const NOUN: &'static str = "a credential format";
    const EXAMPLE: &'static str = "Bearer {token}";

    fn parse(text: &str) -> Result<Self, String> {
        match text.matches("{token}").count() {
            1 => {}
            0 => return Err("has {token} where the token goes".to_owned()),
            _ => return Err("has {token} once".to_owned()),
        }
        if text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            Ok(Self(text.to_owned()))
        } else {
            Err("has printable ASCII characters only".to_owned())
        }
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}

/// Headers that the proxy itself writes or takes away; a credential there would be lost or break the call.
const RESERVED: &[&str] = &[
    "host",
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "accept",
    "origin",
];

impl TextValue for http::HeaderName {
    const FORMAT: &'static str = "keyward-header-name";
    const NOUN: &'static str = "a header's name";
    const EXAMPLE: &'static str = "Authorization";

    fn parse(text: &str) -> Result<Self, String> {
        let name: Self = text.parse().map_err(|_| "has letters, digits and '-' (RFC 9110 §5.1)".to_owned())?;
        if RESERVED.contains(&name.as_str()) || name.as_str().starts_with("mcp-") {
            return Err(format!("is not {name}: the transport needs that one"));
        }
        Ok(name)
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_has_the_token_once() {
        assert!(CredentialFormat::parse("{token}").is_ok());
        for bad in ["Bearer", "{token}{token}", "{token}\r\nX: y", "é{token}"] {
            assert!(CredentialFormat::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_transports_headers_are_not_for_credentials() {
        assert!(<http::HeaderName as TextValue>::parse("X-Api-Key").is_ok());
        for bad in ["Host", "Mcp-Session-Id", "content-length", "a b", ""] {
            assert!(<http::HeaderName as TextValue>::parse(bad).is_err(), "{bad}");
        }
    }
}
