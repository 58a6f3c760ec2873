//! Verification of a signed access token (RFC 9068 §4, RFC 8725).

use keyward_core::clock::Timestamp;

use super::{VerifierConfig, principal};
use crate::error::TokenError;
use crate::jwt::UnverifiedJwt;
use crate::metadata::ProtectedResource;
use crate::principal::{Principal, TokenKind};

pub(super) async fn verify(
    config: &VerifierConfig,
    token: &str,
    resource: &ProtectedResource,
    now: Timestamp,
) -> Result<Principal, TokenError> {
    let unverified = UnverifiedJwt::parse(token)?;
    let named = |issuer: &&super::TrustedIssuer| *issuer.issuer == *unverified.issuer();
    let issuer = config.issuers.iter().find(named).filter(|issuer| issuer.serves(resource.resource().as_str()));
    let issuer = issuer.ok_or(TokenError::Issuer)?;
    if !issuer.algorithms.contains(&unverified.algorithm()) {
        return Err(TokenError::Algorithm);
    }
    if !unverified.has_type(issuer.type_rule) {
        return Err(TokenError::Type);
    }
    let (kid, algorithm) = (unverified.key_id().map(str::to_owned), unverified.algorithm());
    let verified = issuer.keys.with_key(kid.as_deref(), algorithm, |key| unverified.verify(key)).await?;
    let further = verified.further(&issuer.claims)?;
    principal::of(config, issuer, verified.into_claims(), &further, TokenKind::Jwt, resource, now)
}
