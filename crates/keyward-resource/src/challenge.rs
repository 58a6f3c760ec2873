//! `WWW-Authenticate` (RFC 6750 §3, RFC 9728 §5.1).

use std::fmt::Write;

use http::HeaderValue;

/// Writes one Bearer challenge. Values are quoted strings (RFC 9110 §5.6.4).
pub(crate) struct Challenge(String);

impl Challenge {
    pub(crate) fn new() -> Self {
        Self("Bearer".to_owned())
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let separator = if self.0.len() == "Bearer".len() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{separator} {name}=\"");
        for character in value.chars() {
            match character {
                '"' | '\\' => self.0.extend(['\\', character]),
                // Nothing that breaks a header, and no encoding that a client would have to guess.
                ' '..='~' => self.0.push(character),
                _ => self.0.push('?'),
            }
        }
        self.0.push('"');
        self
    }

    pub(crate) fn build(self) -> HeaderValue {
        HeaderValue::try_from(self.0).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted() {
        let challenge = Challenge::new().with("a", "b \"c\" \\ \r\n é").with("d", "e").build();
        assert_eq!(challenge, r#"Bearer a="b \"c\" \\ ?? ?", d="e""#);
    }
}
