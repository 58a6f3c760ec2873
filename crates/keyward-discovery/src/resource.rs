//! The metadata of a protected resource (RFC 9728), for those who want to know who protects it.

use serde::Deserialize;
use url::Url;

use crate::error::InvalidMetadata;
use crate::json::object;

/// A protected resource, as its metadata describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceMetadata {
    /// Its identifier, to the letter: the `resource` parameter (RFC 8707).
    pub resource: String,
    /// Its authorization servers, at least one.
    pub issuers: Vec<String>,
    /// The scopes that it tells of.
    pub scopes_supported: Vec<String>,
}

#[derive(Deserialize)]
struct ResourceDocument {
    resource: String,
    authorization_servers: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
}

impl ResourceMetadata {
    /// Reads the document of `resource`. It must name this URL, or one above it on the same origin: a token for that is
    /// good for what lies below.
    pub fn parse(json: &[u8], resource: &Url) -> Result<Self, InvalidMetadata> {
        let document: ResourceDocument = object(json)?;
        if !Url::parse(&document.resource).is_ok_and(|found| covers(&found, resource)) {
            return Err(InvalidMetadata::foreign(&document.resource));
        }
        let issuers = document.authorization_servers.unwrap_or_default();
        if issuers.is_empty() {
            return Err(InvalidMetadata::NoServer);
        }
        Ok(Self {
            resource: document.resource,
            issuers,
            scopes_supported: document.scopes_supported.unwrap_or_default(),
        })
    }

    /// The authorization server to go to: the pinned one, to the letter, or the first where none is.
    pub fn issuer(&self, pinned: Option<&str>) -> Result<&str, InvalidMetadata> {
        let Some(pinned) = pinned else {
            return self.issuers.first().map(String::as_str).ok_or(InvalidMetadata::NoServer);
        };
        let named = self.issuers.iter().map(String::as_str).find(|named| *named == pinned);
        named.ok_or_else(|| InvalidMetadata::not_pinned(&self.issuers, pinned))
    }
}

fn covers(found: &Url, resource: &Url) -> bool {
    if found.origin() != resource.origin() || found.query().is_some_and(|query| resource.query() != Some(query)) {
        return false;
    }
    let above = found.path().trim_end_matches('/');
    resource.path().strip_prefix(above).is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// Where the metadata of `resource` may be (RFC 9728 §3.1): for its path, then for its host.
pub fn resource_documents(resource: &Url) -> Vec<Url> {
    let path = resource.path().trim_end_matches('/');
    let at = |path: &str, query: Option<&str>| {
        let mut url = resource.clone();
        url.set_path(&format!("/.well-known/oauth-protected-resource{path}"));
        url.set_query(query);
        url
    };
    let inserted = at(path, resource.query());
    if path.is_empty() { vec![inserted] } else { vec![inserted, at("", None)] }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    #[test]
    fn a_resource_is_itself_or_lies_below() {
        let parse = |found: &str| {
            let document = serde_json::json!({ "resource": found, "authorization_servers": ["https://as.example"] });
            ResourceMetadata::parse(document.to_string().as_bytes(), &url("https://rs.example/a/mcp"))
        };
        for good in ["https://rs.example/a/mcp", "https://rs.example/a", "https://rs.example/a/", "https://rs.example"]
        {
            assert_eq!(parse(good).expect(good).resource, good);
        }
        for bad in [
            "https://rs.example/a/m",
            "https://evil.example/a/mcp",
            "http://rs.example/a/mcp",
            "https://rs.example/a/mcp/b",
            "x",
            "https://rs.example/?q",
        ] {
            assert!(matches!(parse(bad), Err(InvalidMetadata::Foreign { .. })), "{bad}");
        }
        for none in [
            r#"{"resource":"https://rs.example/a/mcp"}"#,
            r#"{"resource":"https://rs.example/a/mcp","authorization_servers":[]}"#,
        ] {
            let refused = ResourceMetadata::parse(none.as_bytes(), &url("https://rs.example/a/mcp"));
            assert_eq!(refused, Err(InvalidMetadata::NoServer));
        }
    }

    #[test]
    fn only_a_pinned_issuer_will_do() {
        let named = |issuers: &[&str]| {
            let document =
                serde_json::json!({ "resource": "https://rs.example/mcp", "authorization_servers": issuers });
            ResourceMetadata::parse(document.to_string().as_bytes(), &url("https://rs.example/mcp")).expect("metadata")
        };
        let two = named(&["https://evil.example", "https://as.example"]);
        assert_eq!(two.issuer(None), Ok("https://evil.example"));
        assert_eq!(two.issuer(Some("https://as.example")), Ok("https://as.example"));
        for other in
            ["https://as.example/", "https://AS.example", "https://as.example:443", "https://as.example.evil.example"]
        {
            let refused = named(&[other]).issuer(Some("https://as.example")).map(str::to_owned).expect_err(other);
            assert!(matches!(&refused, InvalidMetadata::NotPinned { found, .. } if found == other), "{refused}");
        }
    }

    #[test]
    fn its_path_comes_before_its_host() {
        let texts: Vec<_> =
            resource_documents(&url("https://rs.example/mcp?x=1")).into_iter().map(String::from).collect();
        assert_eq!(
            texts,
            [
                "https://rs.example/.well-known/oauth-protected-resource/mcp?x=1",
                "https://rs.example/.well-known/oauth-protected-resource"
            ]
        );
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".{0,200}") {
            let _ = ResourceMetadata::parse(text.as_bytes(), &url("https://h/mcp"));
        }
    }
}
