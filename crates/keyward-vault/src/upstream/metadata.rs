//! The metadata of an authorization server (RFC 8414, OpenID Connect Discovery) and of a protected resource (RFC 9728).

use serde::Deserialize;
use url::Url;

/// An authorization server, as its metadata describes it.
#[derive(Clone, Debug)]
pub(crate) struct ServerMetadata {
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) revocation_endpoint: Option<Url>,
    pub(crate) registration_endpoint: Option<Url>,
    /// `None` where it does not say, which means `client_secret_basic` (RFC 8414 §2).
    pub(crate) auth_methods: Option<Vec<String>>,
    /// Whether its answers name it (RFC 9207 §3).
    pub(crate) iss_supported: bool,
    /// Whether it says that it takes PKCE by S256.
    pub(crate) s256: Option<bool>,
    pub(crate) scopes_supported: Vec<String>,
}

/// Why a document is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidMetadata {
    /// It is something else.
    #[error("it is no metadata document")]
    Form,
    /// It is another's (RFC 8414 §3.3, RFC 9728 §3.3).
    #[error("it is that of \"{found}\"")]
    Foreign {
        /// Whose it is.
        found: String,
    },
    /// One of its URLs is none, or may not be used.
    #[error("its {0} is no https URL")]
    Endpoint(&'static str),
    /// PKCE is not possible (MCP authorization, "Authorization Code Protection").
    #[error("it does not take PKCE by S256")]
    NoPkce,
    /// A resource that names no authorization server.
    #[error("it names no authorization server")]
    NoServer,
    /// A resource that names others than the pinned one.
    #[error(
        "it names {found} as its authorization server, and the configuration pins issuer = \"{pinned}\": nothing is sent \
         to another"
    )]
    NotPinned {
        /// Whom it names.
        found: String,
        /// Whom the configuration has.
        pinned: String,
    },
}

#[derive(Deserialize)]
struct ServerDocument {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    registration_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
    scopes_supported: Option<Vec<String>>,
}

impl ServerMetadata {
    /// Reads the document of `issuer`, which must name it to the letter.
    pub(crate) fn parse(json: &[u8], issuer: &str, http_allowed: bool) -> Result<Self, InvalidMetadata> {
        let document: ServerDocument = serde_json::from_slice(json).map_err(|_| InvalidMetadata::Form)?;
        if document.issuer != issuer {
            return Err(InvalidMetadata::Foreign { found: shown(&document.issuer) });
        }
        let url = |name, text: Option<String>| {
            text.map(|text| endpoint(&text, http_allowed).ok_or(InvalidMetadata::Endpoint(name))).transpose()
        };
        let needed = |name, text| url(name, text)?.ok_or(InvalidMetadata::Endpoint(name));
        let s256 = document.code_challenge_methods_supported.map(|methods| methods.iter().any(|m| m == "S256"));
        if s256 == Some(false) {
            return Err(InvalidMetadata::NoPkce);
        }
        Ok(Self {
            authorization_endpoint: needed("authorization_endpoint", document.authorization_endpoint)?,
            token_endpoint: needed("token_endpoint", document.token_endpoint)?,
            revocation_endpoint: url("revocation_endpoint", document.revocation_endpoint)?,
            registration_endpoint: url("registration_endpoint", document.registration_endpoint)?,
            auth_methods: document.token_endpoint_auth_methods_supported,
            iss_supported: document.authorization_response_iss_parameter_supported.unwrap_or(false),
            s256,
            scopes_supported: document.scopes_supported.unwrap_or_default(),
        })
    }
}

/// A protected resource, as its metadata describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourceMetadata {
    /// Its identifier, to the letter: the `resource` parameter (RFC 8707).
    pub(crate) resource: String,
    /// Its authorization servers, at least one.
    pub(crate) issuers: Vec<String>,
    pub(crate) scopes_supported: Vec<String>,
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
    pub(crate) fn parse(json: &[u8], resource: &Url) -> Result<Self, InvalidMetadata> {
        let document: ResourceDocument = serde_json::from_slice(json).map_err(|_| InvalidMetadata::Form)?;
        if !Url::parse(&document.resource).is_ok_and(|found| covers(&found, resource)) {
            return Err(InvalidMetadata::Foreign { found: shown(&document.resource) });
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
    pub(crate) fn issuer(&self, pinned: Option<&str>) -> Result<&str, InvalidMetadata> {
        let Some(pinned) = pinned else {
            return self.issuers.first().map(String::as_str).ok_or(InvalidMetadata::NoServer);
        };
        let named = self.issuers.iter().map(String::as_str).find(|named| *named == pinned);
        named.ok_or_else(|| InvalidMetadata::NotPinned {
            found: self.issuers.iter().take(3).map(|named| shown(named)).collect::<Vec<_>>().join(", "),
            pinned: pinned.to_owned(),
        })
    }
}

fn covers(found: &Url, resource: &Url) -> bool {
    if found.origin() != resource.origin() || found.query().is_some_and(|query| resource.query() != Some(query)) {
        return false;
    }
    let above = found.path().trim_end_matches('/');
    resource.path().strip_prefix(above).is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// An endpoint that may be used: https, or http too where the operator allows private addresses.
pub(crate) fn endpoint(text: &str, http_allowed: bool) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let scheme = url.scheme() == "https" || (http_allowed && url.scheme() == "http");
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (scheme && plain && url.has_host()).then_some(url)
}

fn shown(text: &str) -> String {
    super::words::tame(text).unwrap_or_default()
}

/// Where the metadata of `issuer` may be, in the order of MCP's authorization specification: RFC 8414 §3.1 puts the
/// issuer's path after the well-known part, OpenID Connect Discovery §4 the well-known part after the path.
pub(crate) fn server_documents(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url.set_query(None);
        url
    };
    let oauth = at(format!("/.well-known/oauth-authorization-server{path}"));
    let openid = at(format!("/.well-known/openid-configuration{path}"));
    match path {
        "" => vec![oauth, openid],
        _ => vec![oauth, openid, at(format!("{path}/.well-known/openid-configuration"))],
    }
}

/// Where the metadata of `resource` may be (RFC 9728 §3.1): for its path, then for its host.
pub(crate) fn resource_documents(resource: &Url) -> Vec<Url> {
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

/// The `resource_metadata` and `scope` of a `WWW-Authenticate` header (RFC 9728 §5.1, RFC 6750 §3).
pub(crate) fn challenge(header: &str) -> (Option<String>, Option<String>) {
    (parameter(header, "resource_metadata"), parameter(header, "scope"))
}

fn parameter(header: &str, name: &str) -> Option<String> {
    // The name may stand within a quoted value of another parameter, so the header is walked from its beginning.
    let mut rest = header;
    loop {
        let (before, after) = rest.split_once('=')?;
        let key = before.trim_end().rsplit([' ', ',', '\t']).next().unwrap_or_default();
        let after = after.trim_start();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted_string(quoted)?,
            None => {
                let end = after.find([',', ' ', '\t']).unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = left;
    }
}

/// RFC 9110 §5.6.4.
fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests;
