//! A protected resource: its metadata document (RFC 9728 §2) and its challenges.

use bytes::Bytes;
use http::HeaderValue;
use keyward_core::resource::ResourceUri;
use keyward_core::scope::{Scope, ScopeSet};
use serde::Serialize;

use crate::challenge::Challenge;
use crate::error::{RequestError, TokenError};

/// What is said about a protected resource.
#[derive(Clone, Debug)]
pub struct ProtectedResourceConfig {
    /// Its identifier: the endpoint's URL, to the letter.
    pub resource: ResourceUri,
    /// Its name for people.
    pub name: Option<String>,
    /// What every call of it needs; asked for in the 401 challenge.
    pub scopes: ScopeSet,
    /// What clients may ask for; left out of the document when empty. Few, since clients ask for all that they see.
    pub scopes_supported: ScopeSet,
    /// The issuers of its tokens; clients take the first.
    pub authorization_servers: Vec<String>,
}

impl ProtectedResourceConfig {
    /// Of `resource`, all else empty.
    pub fn of(resource: ResourceUri) -> Self {
        Self {
            resource,
            name: None,
            scopes: ScopeSet::empty(),
            scopes_supported: ScopeSet::empty(),
            authorization_servers: Vec::new(),
        }
    }
}

/// A protected resource with all that can be written beforehand.
#[derive(Clone, Debug)]
pub struct ProtectedResource {
    config: ProtectedResourceConfig,
    metadata_url: String,
    metadata_document: Bytes,
    challenge: HeaderValue,
}

/// RFC 9728 §2. Absent members are left out; some clients refuse `null`.
#[derive(Serialize)]
struct Document<'a> {
    resource: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    authorization_servers: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<&'a Scope>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<&'a str>,
}

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

impl ProtectedResource {
    /// Writes the document and the challenges.
    pub fn new(config: ProtectedResourceConfig) -> Self {
        let resource = config.resource.as_str();
        let path = config.resource.path();
        let origin = resource[..resource.len() - path.len()].trim_end_matches('/');
        let metadata_url = format!("{origin}{WELL_KNOWN}{path}");
        let document = Document {
            resource,
            authorization_servers: &config.authorization_servers,
            scopes_supported: config.scopes_supported.iter().collect(),
            bearer_methods_supported: ["header"],
            resource_name: config.name.as_deref(),
        };
        // Texts and lists of texts always serialize.
        let metadata_document = serde_json::to_vec(&document).unwrap_or_default().into();
        let challenge = challenge(None, &metadata_url, &config.scopes);
        Self { config, metadata_url, metadata_document, challenge }
    }

    /// The identifier, which tokens carry as `aud`.
    pub fn resource(&self) -> &ResourceUri {
        &self.config.resource
    }

    /// The name for people.
    pub fn name(&self) -> Option<&str> {
        self.config.name.as_deref()
    }

    /// What every call needs.
    pub fn scopes(&self) -> &ScopeSet {
        &self.config.scopes
    }

    /// What clients may ask for.
    pub fn scopes_supported(&self) -> &ScopeSet {
        &self.config.scopes_supported
    }

    /// The issuers of its tokens.
    pub fn authorization_servers(&self) -> &[String] {
        &self.config.authorization_servers
    }

    /// The absolute URL of the metadata document, the well-known part inserted before the path (RFC 9728 §3.1).
    pub fn metadata_url(&self) -> &str {
        &self.metadata_url
    }

    /// The path of [`Self::metadata_url`].
    pub fn metadata_path(&self) -> &str {
        &self.metadata_url[self.metadata_url.len() - WELL_KNOWN.len() - self.config.resource.path().len()..]
    }

    /// The metadata document, as `application/json` (RFC 9728 §3.2).
    pub fn metadata_document(&self) -> Bytes {
        self.metadata_document.clone()
    }

    /// The challenge of a 401: with `error` only if a token was sent (RFC 6750 §3). Also fit for the 503 of
    /// [`TokenError::KeysUnavailable`].
    pub fn challenge_401(&self, error: Option<TokenError>) -> HeaderValue {
        match error {
            None => self.challenge.clone(),
            Some(error) => {
                challenge(Some((error.code(), error.description())), &self.metadata_url, &self.config.scopes)
            }
        }
    }

    /// The challenge of a request whose credentials could not be read.
    pub fn challenge_request(&self, error: RequestError) -> HeaderValue {
        challenge(Some((error.code(), &error.to_string())), &self.metadata_url, &self.config.scopes)
    }

    /// The challenge of a 403 `insufficient_scope`: `needed` is every scope that the operation needs, also those that the
    /// token has, so that the client asks for all at once (RFC 6750 §3.1).
    pub fn challenge_403(&self, needed: &ScopeSet) -> HeaderValue {
        let error = ("insufficient_scope", "The operation needs scopes that the access token does not have.");
        challenge(Some(error), &self.metadata_url, needed)
    }
}

fn challenge(error: Option<(&str, &str)>, metadata_url: &str, scopes: &ScopeSet) -> HeaderValue {
    let mut challenge = Challenge::new();
    if let Some((code, description)) = error {
        challenge = challenge.with("error", code).with("error_description", description);
    }
    challenge = challenge.with("resource_metadata", metadata_url);
    if !scopes.is_empty() {
        challenge = challenge.with("scope", &scopes.to_string());
    }
    challenge.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(resource: &str) -> ProtectedResourceConfig {
        ProtectedResourceConfig::of(ResourceUri::parse(resource).expect(resource))
    }

    #[test]
    fn the_well_known_part_goes_before_the_path() {
        for (resource, url) in [
            ("https://h.example/a/mcp", "https://h.example/.well-known/oauth-protected-resource/a/mcp"),
            ("https://h.example/mcp/", "https://h.example/.well-known/oauth-protected-resource/mcp/"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/.well-known/oauth-protected-resource"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/.well-known/oauth-protected-resource"),
        ] {
            let resource = ProtectedResource::new(config(resource));
            assert_eq!(resource.metadata_url(), url);
            assert!(url.ends_with(resource.metadata_path()) && resource.metadata_path().starts_with(WELL_KNOWN));
        }
    }

    #[test]
    fn absent_members_are_left_out() {
        let resource = ProtectedResource::new(config("https://H.example/mcp"));
        let document = r#"{"resource":"https://H.example/mcp","bearer_methods_supported":["header"]}"#;
        assert_eq!(resource.metadata_document(), document);
    }

    #[test]
    fn the_document_says_what_is_configured() {
        let resource = ProtectedResource::new(ProtectedResourceConfig {
            name: Some("Coda \"docs\"".to_owned()),
            scopes_supported: "coda:write coda:read".parse().expect("scopes"),
            authorization_servers: vec!["https://h.example".to_owned()],
            ..config("https://h.example/mcp")
        });
        let document = concat!(
            r#"{"resource":"https://h.example/mcp","authorization_servers":["https://h.example"],"#,
            r#""scopes_supported":["coda:read","coda:write"],"bearer_methods_supported":["header"],"#,
            r#""resource_name":"Coda \"docs\""}"#
        );
        assert_eq!(resource.metadata_document(), document);
    }

    #[test]
    fn challenges() {
        let resource = ProtectedResource::new(ProtectedResourceConfig {
            scopes: "a b".parse().expect("scopes"),
            ..config("https://h.example/mcp")
        });
        let metadata = r#"resource_metadata="https://h.example/.well-known/oauth-protected-resource/mcp""#;
        assert_eq!(resource.challenge_401(None), format!(r#"Bearer {metadata}, scope="a b""#));
        let description = "The access token has expired.";
        assert_eq!(
            resource.challenge_401(Some(TokenError::Expired)),
            format!(r#"Bearer error="invalid_token", error_description="{description}", {metadata}, scope="a b""#)
        );
        let needed = "a c".parse().expect("scopes");
        let challenge = resource.challenge_403(&needed);
        let challenge = challenge.to_str().expect("ASCII");
        assert!(challenge.starts_with(r#"Bearer error="insufficient_scope", "#), "{challenge}");
        assert!(challenge.ends_with(&format!(r#"{metadata}, scope="a c""#)), "{challenge}");
        let challenge = resource.challenge_request(RequestError::TokenInQuery);
        assert!(challenge.to_str().expect("ASCII").starts_with(r#"Bearer error="invalid_request", "#));
    }
}
