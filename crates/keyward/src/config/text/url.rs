//! URLs, each with the rules of its use.

use keyward_core::resource::ResourceUri;
use url::{Host, Url};

use super::TextValue;
use super::name::check_path;

/// Where clients reach Keyward; also its issuer identifier (RFC 8414 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicUrl(pub(crate) String);

impl TextValue for PublicUrl {
    const FORMAT: &'static str = "keyward-public-url";
    const NOUN: &'static str = "a public URL";
    const EXAMPLE: &'static str = "https://mcp.example.com";

    fn parse(text: &str) -> Result<Self, String> {
        let url = secure(text)?;
        if text.ends_with('/') {
            return Err("has no slash at its end: clients compare it to the letter".to_owned());
        }
        // Text that WHATWG parsing changes would not compare equal to what clients see.
        let canonical = url.as_str().strip_suffix('/').filter(|_| url.path() == "/").unwrap_or(url.as_str());
        if canonical != text {
            return Err(format!("is spelled {canonical}"));
        }
        match url.path() {
            "/" => Ok(Self(text.to_owned())),
            path => {
                check_path(path).map(|()| Self(text.to_owned())).map_err(|reason| format!("has a path that {reason}"))
            }
        }
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}

/// The issuer of tokens, or one of its endpoints, elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IssuerUrl(pub(crate) String);

impl TextValue for IssuerUrl {
    const FORMAT: &'static str = "keyward-issuer-url";
    const NOUN: &'static str = "an issuer's URL";
    const EXAMPLE: &'static str = "https://login.example.com";

    fn parse(text: &str) -> Result<Self, String> {
        secure(text).map(|_| Self(text.to_owned()))
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}

/// The site of a service that Keyward asks, such as a store of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SiteUrl(pub(crate) String);

impl TextValue for SiteUrl {
    const FORMAT: &'static str = "keyward-site-url";
    const NOUN: &'static str = "a site's URL";
    const EXAMPLE: &'static str = "https://app.infisical.com";

    fn parse(text: &str) -> Result<Self, String> {
        secure(text).map(|_| Self(text.to_owned()))
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}

/// An MCP server's own endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UpstreamUrl(pub(crate) Url);

impl TextValue for UpstreamUrl {
    const FORMAT: &'static str = "keyward-upstream-url";
    const NOUN: &'static str = "an upstream";
    const EXAMPLE: &'static str = "http://127.0.0.1:3000/mcp";

    fn parse(text: &str) -> Result<Self, String> {
        plain(text).map(Self)
    }

    fn to_text(&self) -> String {
        self.0.to_string()
    }
}

impl TextValue for ResourceUri {
    const FORMAT: &'static str = "keyward-resource";
    const NOUN: &'static str = "a resource's identifier";
    const EXAMPLE: &'static str = "https://notes.example.com/mcp";

    fn parse(text: &str) -> Result<Self, String> {
        let url = secure(text)?;
        let resource = Self::parse(text).map_err(|_| "is an absolute http or https URL".to_owned())?;
        // It goes into `aud` as it stands. A host in capitals may be what its owner calls it; spaces around it, or dots in
        // its path, are not.
        let bare = url.as_str().strip_suffix('/').filter(|_| url.path() == "/");
        let canonical = bare.filter(|_| !text.ends_with('/')).unwrap_or(url.as_str());
        if canonical.eq_ignore_ascii_case(text) { Ok(resource) } else { Err(format!("is spelled {canonical}")) }
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

fn plain(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "is an absolute http or https URL".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("is an absolute http or https URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("names no user and no password: put the credential into the cabinet".to_owned());
    }
    if url.fragment().is_some() { Err("has no fragment".to_owned()) } else { Ok(url) }
}

fn secure(text: &str) -> Result<Url, String> {
    let url = plain(text)?;
    if url.query().is_some() {
        return Err("has no query".to_owned());
    }
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() == "https" || loopback {
        Ok(url)
    } else {
        Err("is https, except on this machine (127.0.0.1, [::1], localhost): tokens would travel in the clear"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_kept_to_the_letter() {
        let parse = |text: &str| <ResourceUri as TextValue>::parse(text);
        for good in ["https://h.example", "https://h.example/", "https://H.example/MCP/", "http://127.0.0.1:1/mcp"] {
            assert_eq!(parse(good).map(|resource| resource.to_string()).as_deref(), Ok(good));
        }
        for bad in [
            "http://h.example/mcp",
            "https://h.example:443/mcp",
            "https://h.example/a/../mcp",
            "https://h.example/a/%2E%2e/mcp",
            " https://h.example/mcp",
            "https://h.example/m\tcp",
            "https://h.example/mcp?x",
            "https://h.example/mcp#x",
            "https://u@h.example/mcp",
            "https:h.example/mcp",
            "urn:example:mcp",
            "/mcp",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn public_urls_are_secure_and_canonical() {
        for good in [
            "https://mcp.example.com",
            "http://127.0.0.1:8080",
            "http://[::1]:1",
            "https://h.example/base",
            "https://h.example/a/b",
        ] {
            assert!(PublicUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://mcp.example.com",
            "https://mcp.example.com/",
            "https://MCP.example.com",
            "https://h:443",
            "https://h?x",
            "https://h/a//b",
            "https://h/:id",
            "https://h/{id}",
            "https://h/a%20b",
            "https://h/.well-known",
            "https://h/authorize",
            "https://h/healthz/x",
            "https://h#x",
            "https://u:p@h",
            "ftp://h",
            "mcp.example.com",
            "http://127.0.0.1.example.com",
        ] {
            assert!(PublicUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
