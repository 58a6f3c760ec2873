//! Verification of a signed access token (RFC 9068 §4, RFC 8725).

use std::sync::Arc;

use keyward_core::clock::Timestamp;

use super::VerifierConfig;
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
    let mut claims = verified.into_claims();
    if !issuer.own && claims.is_other_statement() {
        return Err(TokenError::Type);
    }
    claims.check_audience(&issuer.audience, resource.resource())?;
    claims.check_times(now, config.leeway)?;
    issuer.claims.check_form(&further)?;
    let scopes = issuer.claims.scopes_of(&claims, &further);
    let email = issuer.claims.email_of(&mut claims, &further);
    let user_id = if issuer.own {
        claims.sub.parse().ok()
    } else {
        email.as_deref().filter(|_| issuer.accounts_by_email).and_then(|email| config.accounts.find(email))
    };
    Ok(Principal {
        issuer: Arc::clone(&issuer.issuer),
        client_id: claims.take_client_id(),
        granted: config.hierarchy.expand(&scopes),
        scopes,
        expires_at: claims.expires_at(),
        kind: TokenKind::Jwt,
        grant_id: claims.grant_id.filter(|_| issuer.own).and_then(|id| id.parse().ok()),
        user_id,
        token_id: claims.jti,
        subject: claims.sub,
        email,
        name: None,
    })
}
