//! Resource identifiers (RFC 8707 §2): the absolute URI of a protected MCP endpoint, kept exactly as configured.

use std::fmt;
use std::sync::Arc;

use url::Url;

/// The canonical identifier of one protected resource: its endpoint URL, character for character as configured, since
/// clients compare it as a string (RFC 9728 §3.3) and tokens carry it as `aud`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceUri(Arc<str>);

/// A text that cannot identify a resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidResource {
    /// It does not parse as an absolute URL.
    #[error("a resource is an absolute http or https URL")]
    NotAbsolute,
    /// RFC 8707 §2: no fragment; a query or user information has no place in an endpoint either.
    #[error("a resource has no fragment, query or user information")]
    ExtraParts,
}

impl ResourceUri {
    /// Checks a text of the configuration.
    pub fn parse(text: &str) -> Result<Self, InvalidResource> {
        parse_endpoint(text).map(|_| Self(text.into()))
    }

    /// The identifier, to the letter.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of the URL, which is where RFC 9728 §3.1 inserts the well-known prefix; empty for the root.
    pub fn path(&self) -> &str {
        let after_scheme = self.0.find("://").map_or(0, |at| at + 3);
        match self.0[after_scheme..].find('/') {
            Some(at) if after_scheme + at + 1 < self.0.len() => &self.0[after_scheme + at..],
            _ => "",
        }
    }

    /// Whether `asked`, the `resource` parameter of a client, means this resource. Only spellings of the same URL count:
    /// case of scheme and host, a default port, one trailing slash. The token is bound to the canonical identifier all
    /// the same.
    pub fn is_meant_by(&self, asked: &str) -> bool {
        if asked == &*self.0 {
            return true;
        }
        let (Ok(own), Ok(asked)) = (parse_endpoint(&self.0), parse_endpoint(asked)) else { return false };
        let trimmed = |url: &Url| url.path().strip_suffix('/').unwrap_or(url.path()).to_owned();
        own.origin() == asked.origin() && trimmed(&own) == trimmed(&asked)
    }

    /// Whether `asked` is the bare origin of this resource (what some clients send where a host has one server only).
    pub fn has_origin(&self, asked: &str) -> bool {
        let (Ok(own), Ok(asked)) = (parse_endpoint(&self.0), parse_endpoint(asked)) else { return false };
        own.origin() == asked.origin() && asked.path() == "/"
    }
}

fn parse_endpoint(text: &str) -> Result<Url, InvalidResource> {
    let url = Url::parse(text).map_err(|_| InvalidResource::NotAbsolute)?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(InvalidResource::NotAbsolute);
    }
    let extra =
        url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some();
    if extra { Err(InvalidResource::ExtraParts) } else { Ok(url) }
}

impl fmt::Display for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_configured_spelling() {
        let resource = ResourceUri::parse("https://Mcp.Example.com/coda/mcp").expect("resource");
        assert_eq!(resource.as_str(), "https://Mcp.Example.com/coda/mcp");
        assert_eq!(resource.path(), "/coda/mcp");
        assert_eq!(ResourceUri::parse("https://mcp.example.com/").expect("resource").path(), "");
        assert_eq!(ResourceUri::parse("https://mcp.example.com").expect("resource").path(), "");
    }

    #[test]
    fn refuses_what_rfc_8707_refuses() {
        for bad in ["/mcp", "mailto:a@b", "https://h/mcp#f"] {
            assert!(ResourceUri::parse(bad).is_err(), "{bad}");
        }
        for bad in ["https://u@h/mcp", "https://h/mcp?x=1"] {
            assert_eq!(ResourceUri::parse(bad), Err(InvalidResource::ExtraParts), "{bad}");
        }
    }

    #[test]
    fn only_spellings_of_the_same_url_are_aliases() {
        let resource = ResourceUri::parse("https://mcp.example.com/coda/mcp").expect("resource");
        for alias in ["https://mcp.example.com/coda/mcp/", "HTTPS://MCP.example.com:443/coda/mcp"] {
            assert!(resource.is_meant_by(alias), "{alias}");
        }
        for other in [
            "https://mcp.example.com/coda/MCP",
            "https://mcp.example.com/coda",
            "http://mcp.example.com/coda/mcp",
            "https://mcp.example.com/coda/mcp?x",
            "junk",
        ] {
            assert!(!resource.is_meant_by(other), "{other}");
        }
        assert!(resource.has_origin("https://mcp.example.com"));
        assert!(!resource.has_origin("https://mcp.example.com/coda"));
    }
}
