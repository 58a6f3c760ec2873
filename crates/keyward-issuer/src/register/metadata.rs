//! Client metadata (RFC 7591 §2): what a client says of itself, checked and mended.

use keyward_core::scope::ScopeSet;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::redirect_uri::{InvalidRedirectUri, RedirectKind, RedirectUri};

/// More redirect URIs than any client has.
const MAX_REDIRECT_URIS: usize = 32;
/// Longer than the URIs of any client are together. Strangers fill the database with these.
const MAX_REDIRECT_URI_BYTES: usize = 8 * 1024;
/// A longer list of scopes is left out; nothing hangs on it.
const MAX_SCOPE_BYTES: usize = 2048;
/// What a client may use here.
const GRANT_TYPES: [&str; 2] = ["authorization_code", "refresh_token"];
/// A longer name is no name.
const MAX_NAME_CHARS: usize = 120;

/// Metadata as sent. Members of a wrong type are errors; unknown ones are kept beside.
#[derive(Debug, Deserialize)]
pub(crate) struct UnverifiedMetadata {
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<Value>,
    redirect_uris: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    client_name: Option<String>,
    application_type: Option<String>,
    scope: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Metadata that a client can be served by.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) name: Option<String>,
    pub(crate) redirect_uris: Vec<RedirectUri>,
    pub(crate) auth_method: AuthMethod,
    pub(crate) grant_types: Vec<String>,
    pub(crate) application_type: &'static str,
    pub(crate) scope: Option<ScopeSet>,
    /// Links to pages about the client.
    pub(crate) links: Map<String, Value>,
    /// What was changed, for the client's developer.
    pub(crate) notes: Vec<String>,
}

/// `token_endpoint_auth_method` (RFC 7591 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthMethod {
    None,
    ClientSecretBasic,
    ClientSecretPost,
}

impl AuthMethod {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::ClientSecretBasic, Self::ClientSecretPost].into_iter().find(|known| known.as_str() == text)
    }
}

/// RFC 7591 §3.2.2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MetadataError {
    #[error("client metadata is a JSON object with members of the types that RFC 7591 gives them: {0}")]
    Malformed(String),
    #[error(
        "redirect_uris names one URI at least, {MAX_REDIRECT_URIS} at most, of {MAX_REDIRECT_URI_BYTES} bytes in all"
    )]
    RedirectUris,
    #[error("redirect URI number {number}: {cause}")]
    RedirectUri { number: usize, cause: InvalidRedirectUri },
    #[error("token_endpoint_auth_method is none, client_secret_basic or client_secret_post")]
    AuthMethod,
    #[error("a client here uses grant_types authorization_code and refresh_token")]
    GrantTypes,
    #[error("a client here uses response_types code")]
    ResponseTypes,
}

impl MetadataError {
    /// The error code of RFC 7591 §3.2.2.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::RedirectUris | Self::RedirectUri { .. } => "invalid_redirect_uri",
            _ => "invalid_client_metadata",
        }
    }
}

/// Where metadata came from, which decides how a client may authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A request to register: a secret can be handed out in the answer.
    Registration,
    /// A public document: nothing in it can be secret.
    Document,
}

impl UnverifiedMetadata {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, MetadataError> {
        serde_json::from_slice(json).map_err(|error| MetadataError::Malformed(error.to_string()))
    }

    pub(crate) fn verify(self, source: Source) -> Result<Metadata, MetadataError> {
        let mut notes = Vec::new();
        let redirect_uris = redirect_uris(self.redirect_uris.as_deref().unwrap_or_default())?;
        let auth_method = match source {
            Source::Registration => {
                registered_auth_method(self.token_endpoint_auth_method.as_deref(), &redirect_uris, &mut notes)?
            }
            Source::Document => document_auth_method(
                self.token_endpoint_auth_method.as_deref(),
                &self.token_endpoint_auth_methods_supported,
            )?,
        };
        let grant_types = self.grant_types.unwrap_or_else(|| vec!["authorization_code".to_owned()]);
        if !grant_types.iter().any(|grant| grant == "authorization_code") {
            return Err(MetadataError::GrantTypes);
        }
        if self.response_types.is_some_and(|types| !types.iter().any(|response| response == "code")) {
            return Err(MetadataError::ResponseTypes);
        }
        Ok(Metadata {
            name: self.client_name.as_deref().and_then(shown_name),
            application_type: application_type(self.application_type.as_deref(), &redirect_uris, &mut notes),
            redirect_uris,
            auth_method,
            grant_types: supported_grants(&grant_types),
            scope: self.scope.filter(|scope| scope.len() <= MAX_SCOPE_BYTES).and_then(|scope| scope.parse().ok()),
            links: links(self.rest),
            notes,
        })
    }
}

fn redirect_uris(texts: &[String]) -> Result<Vec<RedirectUri>, MetadataError> {
    let bytes: usize = texts.iter().map(String::len).sum();
    if texts.is_empty() || texts.len() > MAX_REDIRECT_URIS || bytes > MAX_REDIRECT_URI_BYTES {
        return Err(MetadataError::RedirectUris);
    }
    let numbered = texts.iter().enumerate();
    numbered
        .map(|(index, text)| {
            RedirectUri::parse(text).map_err(|cause| MetadataError::RedirectUri { number: index + 1, cause })
        })
        .collect()
}

/// Those of `asked` that exist here, each once however often it was said.
fn supported_grants(asked: &[String]) -> Vec<String> {
    GRANT_TYPES.iter().filter(|grant| asked.iter().any(|one| one == *grant)).map(|grant| (*grant).to_owned()).collect()
}

/// A client with a URI of a private scheme is a program on the person's machine and keeps no secret (RFC 8252 §8.4), so
/// it becomes a public one.
fn registered_auth_method(
    asked: Option<&str>,
    redirect_uris: &[RedirectUri],
    notes: &mut Vec<String>,
) -> Result<AuthMethod, MetadataError> {
    let method = match asked {
        None => AuthMethod::ClientSecretBasic,
        Some(text) => AuthMethod::parse(text).ok_or(MetadataError::AuthMethod)?,
    };
    let private = redirect_uris.iter().any(|uri| uri.kind() == RedirectKind::PrivateUse);
    if private && method != AuthMethod::None {
        notes.push("token_endpoint_auth_method is none, for a redirect URI has a private-use scheme".to_owned());
        return Ok(AuthMethod::None);
    }
    Ok(method)
}

/// The method is chosen from all that the document lists, not only from the one that it prefers.
fn document_auth_method(preferred: Option<&str>, listed: &[String]) -> Result<AuthMethod, MetadataError> {
    let none = preferred.is_none_or(|method| method == "none") || listed.iter().any(|method| method == "none");
    if none { Ok(AuthMethod::None) } else { Err(MetadataError::AuthMethod) }
}

/// `application_type` (OpenID Connect Registration §2) as the redirect URIs show it.
fn application_type(asked: Option<&str>, redirect_uris: &[RedirectUri], notes: &mut Vec<String>) -> &'static str {
    let web = redirect_uris.iter().all(|uri| uri.kind() == RedirectKind::Https);
    let actual = if web { "web" } else { "native" };
    match asked {
        Some("native") => return "native",
        Some(asked) if asked != actual => {
            notes.push(format!("application_type is {actual}, as the redirect URIs show"))
        }
        _ => {}
    }
    actual
}

/// The name that people are shown: without characters that reorder or hide text, or are there and cannot be seen.
fn shown_name(name: &str) -> Option<String> {
    let name: String = name.chars().filter(|c| !is_hidden(*c)).take(MAX_NAME_CHARS).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Controls, the separators of lines, and what Unicode calls default-ignorable (UAX #44, `Default_Ignorable_Code_Point`).
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
                | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
                | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
                | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
        )
}

fn links(rest: Map<String, Value>) -> Map<String, Value> {
    const KEPT: [&str; 6] = ["client_uri", "logo_uri", "tos_uri", "policy_uri", "software_id", "software_version"];
    let short = |value: &Value| value.as_str().is_some_and(|text| text.len() <= 2048);
    rest.into_iter().filter(|(name, value)| KEPT.contains(&name.as_str()) && short(value)).collect()
}

#[cfg(test)]
mod tests;
