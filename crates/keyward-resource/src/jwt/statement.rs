//! What an issuer signs that is no access token: ID tokens and logout tokens. Read in the same two steps; the claims
//! come out only when the signature was that of a key of the issuer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::header::Header;
use super::{Algorithm, MAX_SIGNATURE_BYTES, MAX_TOKEN_BYTES, decode};
use crate::error::TokenError;
use crate::jwks::{Key, KeySource};

/// A statement of the right form. Nothing in it is proven.
pub(crate) struct UnverifiedStatement<'a> {
    signing_input: &'a str,
    payload: &'a str,
    signature: &'a str,
    header: Header,
}

impl<'a> UnverifiedStatement<'a> {
    /// Reads the compact serialization (RFC 7515 §7.1).
    pub(crate) fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(TokenError::Malformed)?;
        if payload.contains('.') {
            return Err(TokenError::Malformed);
        }
        Ok(Self { signing_input, payload, signature, header: Header::parse(&decode(header)?)? })
    }

    /// The header's algorithm.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// Whether the header's type is one of these, or left out. Each kind of statement has its own, so that none is taken
    /// for another (RFC 8725 §3.11).
    pub(crate) fn has_type(&self, types: &[&str]) -> bool {
        let Some(typ) = &self.header.typ else { return true };
        let lower = typ.to_ascii_lowercase();
        types.contains(&lower.strip_prefix("application/").unwrap_or(&lower))
    }

    /// The claims as JSON, when a key of the issuer has signed them.
    pub(crate) async fn verify(self, keys: &KeySource) -> Result<Vec<u8>, TokenError> {
        let (kid, algorithm) = (self.header.kid.clone(), self.header.algorithm);
        keys.with_key(kid.as_deref(), algorithm, |key| self.verify_with(key)).await?;
        decode(self.payload)
    }

    fn verify_with(&self, key: &Key) -> Result<(), TokenError> {
        if key.algorithm() != self.header.algorithm {
            return Err(TokenError::Key);
        }
        let mut buffer = [0; MAX_SIGNATURE_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(self.signature, &mut buffer).map_err(|_| TokenError::Malformed)?;
        key.verify(self.signing_input.as_bytes(), &buffer[..length])
    }
}
