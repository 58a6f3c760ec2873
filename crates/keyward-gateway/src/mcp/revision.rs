//! The revision of MCP that a request says it speaks.

use http::{HeaderMap, Method};

use crate::refusal::Refusal;

/// The `MCP-Protocol-Version` header, as far as the gateway cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revision {
    /// None named, an earlier one, or a text that is no revision: sessions, GET and DELETE may occur.
    Earlier,
    /// 2026-07-28 or later: `Mcp-Method` and `Mcp-Name` mirror the body, POST is the only method.
    Mirrored,
}

const FIRST_MIRRORED: &str = "2026-07-28";

impl Revision {
    /// Of a request. What is no date is not refused here: upstream answers it with the list of those it speaks.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        match headers.get("mcp-protocol-version").and_then(|value| value.to_str().ok()) {
            Some(text) if is_date(text) && text >= FIRST_MIRRORED => Self::Mirrored,
            _ => Self::Earlier,
        }
    }

    /// Whether the endpoint knows the HTTP method (rule R10).
    pub(crate) fn check_verb(self, verb: &Method) -> Result<(), Refusal> {
        match (self, verb) {
            (_, &Method::POST) | (Self::Earlier, &Method::GET | &Method::DELETE) => Ok(()),
            (Self::Earlier, _) => Err(Refusal::MethodNotAllowed { allow: "GET, POST, DELETE, OPTIONS" }),
            (Self::Mirrored, _) => Err(Refusal::MethodNotAllowed { allow: "POST, OPTIONS" }),
        }
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, b)| if matches!(at, 4 | 7) { b == b'-' } else { b.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn dates_are_compared_and_other_texts_are_not() {
        let of = |text| {
            let mut headers = HeaderMap::new();
            headers.insert("mcp-protocol-version", HeaderValue::from_static(text));
            Revision::of(&headers)
        };
        assert_eq!(of("2026-07-28"), Revision::Mirrored);
        assert_eq!(of("2027-01-01"), Revision::Mirrored);
        for earlier in ["2025-11-25", "2025-03-26", "v999.0.0", "9", "2026-07-2x", "2026/07/28", ""] {
            assert_eq!(of(earlier), Revision::Earlier, "{earlier}");
        }
        assert_eq!(Revision::of(&HeaderMap::new()), Revision::Earlier);
    }
}
