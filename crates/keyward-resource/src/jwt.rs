//! Signed access tokens (RFC 7519, RFC 9068), in two steps that the types keep apart: [`UnverifiedJwt`] has the form,
//! [`VerifiedJwt`] the signature of a key that its issuer has. Claims can be relied on only from the latter.

mod algorithm;
mod claims;
mod further;
mod header;
mod statement;

pub use algorithm::Algorithm;
pub(crate) use claims::{Claims, NumericDate};
pub(crate) use further::FurtherClaims;
pub use header::TypeRule;
pub(crate) use statement::UnverifiedStatement;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::claim_map::ClaimMap;
use crate::error::TokenError;
use crate::jwks::Key;
use header::Header;

/// Longest token that is read; the longest seen in the field (hundreds of groups) are half of it.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Longest signature: RSA with 8192 bits.
const MAX_SIGNATURE_BYTES: usize = 1024;

/// A token of the right form. Nothing in it is proven.
pub(crate) struct UnverifiedJwt<'a> {
    signing_input: &'a str,
    signature: &'a str,
    header: Header,
    claims: Claims,
}

/// A token whose signature was verified with a key of its issuer.
pub(crate) struct VerifiedJwt<'a> {
    payload: &'a str,
    claims: Claims,
}

impl<'a> UnverifiedJwt<'a> {
    /// Reads the compact serialization (RFC 7515 §7.1). Base64url is taken in its canonical form only, so one token has
    /// one spelling.
    pub(crate) fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signing_input.split_once('.').ok_or(TokenError::Malformed)?;
        if claims.contains('.') {
            return Err(TokenError::Malformed);
        }
        let header = Header::parse(&decode(header)?)?;
        let claims = Claims::parse(&decode(claims)?)?;
        Ok(Self { signing_input, signature, header, claims })
    }

    /// `iss`, to find the keys by. Not proven.
    pub(crate) fn issuer(&self) -> &str {
        &self.claims.iss
    }

    /// The header's algorithm.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// The header's key id.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Whether the header's type is one that `rule` lets through.
    pub(crate) fn has_type(&self, rule: TypeRule) -> bool {
        rule.allows(self.header.typ.as_deref())
    }

    /// Checks the signature. `key` serves one algorithm only, and it must be the header's.
    pub(crate) fn verify(self, key: &Key) -> Result<VerifiedJwt<'a>, TokenError> {
        if key.algorithm() != self.header.algorithm {
            return Err(TokenError::Key);
        }
        let mut buffer = [0; MAX_SIGNATURE_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(self.signature, &mut buffer).map_err(|_| TokenError::Malformed)?;
        key.verify(self.signing_input.as_bytes(), &buffer[..length])?;
        let payload = self.signing_input.split_once('.').map_or("", |(_, payload)| payload);
        Ok(VerifiedJwt { payload, claims: self.claims })
    }
}

impl VerifiedJwt<'_> {
    /// The claims that `map` wants beyond those that every token is read for.
    pub(crate) fn further(&self, map: &ClaimMap) -> Result<FurtherClaims, TokenError> {
        if map.wants_any() { FurtherClaims::parse(&decode(self.payload)?, map) } else { Ok(FurtherClaims::default()) }
    }

    /// What the issuer said.
    pub(crate) fn into_claims(self) -> Claims {
        self.claims
    }
}

/// The issuer that a signed token names, of which nothing else is looked at. Not proven.
pub(crate) fn issuer_named_by(token: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        iss: String,
    }
    let mut parts = token.split('.');
    let claims = parts.nth(1).filter(|_| token.len() <= MAX_TOKEN_BYTES && parts.by_ref().count() == 1)?;
    keyward_core::json::object::<Named>(&decode(claims).ok()?).ok().map(|named| named.iss)
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests;
