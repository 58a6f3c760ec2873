//! The parsers of what providers answer and of what is kept of it, for the fuzzer.

use http::StatusCode;
use keyward_core::secret::Secret;
use url::Url;

use super::metadata::{self, ResourceMetadata, ServerMetadata};
use super::token_response;
use super::token_set::TokenSet;

/// The tokens in the answer of a token endpoint, or what people are told.
pub fn token_response(status: u16, body: &[u8]) -> Result<Vec<Secret>, String> {
    let status = StatusCode::from_u16(status).map_err(|error| error.to_string())?;
    let response = token_response::parse(status, body).map_err(|refused| refused.to_string())?;
    Ok([response.access_token].into_iter().chain(response.refresh_token).collect())
}

/// The endpoints of the authorization server `https://as.example.com`.
pub fn server_metadata(json: &[u8]) -> Option<Vec<Url>> {
    let read = ServerMetadata::parse(json, "https://as.example.com", false).ok()?;
    let optional = [read.revocation_endpoint, read.registration_endpoint];
    Some([read.authorization_endpoint, read.token_endpoint].into_iter().chain(optional.into_iter().flatten()).collect())
}

/// The identifier of the resource that `https://mcp.example.com/mcp` belongs to.
pub fn resource_metadata(json: &[u8]) -> Option<String> {
    let resource = Url::parse("https://mcp.example.com/mcp").ok()?;
    Some(ResourceMetadata::parse(json, &resource).ok()?.resource)
}

/// What a `WWW-Authenticate` header names: `resource_metadata` and `scope`.
pub fn challenge(header: &str) -> (Option<String>, Option<String>) {
    metadata::challenge(header)
}

/// The tokens of a grant as they are sealed, read and written again.
pub fn token_set(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(TokenSet::from_bytes(bytes).ok()?.to_bytes().to_vec())
}
