//! The parsers of what providers answer and of what is kept of it, for the fuzzer.

use http::StatusCode;
use keyward_core::secret::Secret;

use super::finish::{Answer, code_of};
use super::token_response;
use super::token_set::TokenSet;

/// The code in an authorization response, or what people are told.
pub fn authorization_code(answer: Answer) -> Result<String, String> {
    code_of(answer).map_err(|refused| refused.to_string())
}

/// The tokens in the answer of a token endpoint, or what people are told.
pub fn token_response(status: u16, body: &[u8]) -> Result<Vec<Secret>, String> {
    let status = StatusCode::from_u16(status).map_err(|error| error.to_string())?;
    let response = token_response::parse(status, body).map_err(|refused| refused.to_string())?;
    Ok([response.access_token].into_iter().chain(response.refresh_token).collect())
}

/// The tokens of a grant as they are sealed, read and written again.
pub fn token_set(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(TokenSet::from_bytes(bytes).ok()?.to_bytes().to_vec())
}
