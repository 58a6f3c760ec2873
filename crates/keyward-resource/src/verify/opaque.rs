//! Verification of an opaque access token: its issuer is asked (RFC 7662 §4), and what it says is held against the same
//! rules as the claims of a JWT.

use keyward_core::clock::{Clock, Timestamp};

use super::{VerifierConfig, principal};
use crate::error::TokenError;
use crate::jwt::{Claims, FurtherClaims};
use crate::metadata::ProtectedResource;
use crate::principal::{Principal, TokenKind};

/// Who calls, and until when that may be believed. Shown to the first issuer whose it may be, and to no other: none is to
/// see another's tokens.
pub(super) async fn verify(
    config: &VerifierConfig,
    token: &str,
    resource: &ProtectedResource,
    clock: &Clock,
) -> Result<(Principal, Option<Timestamp>), TokenError> {
    let asked = config.issuers.iter().find_map(|issuer| {
        let serves = issuer.serves(resource.resource().as_str());
        let introspection = issuer.introspection.as_ref().filter(|asked| serves && asked.is_for(token))?;
        Some((issuer, introspection))
    });
    let (issuer, introspection) = asked.ok_or(TokenError::Malformed)?;
    let introspected = introspection.ask(token).await?;
    let claims = Claims::parse(&introspected.claims)?;
    let further = FurtherClaims::of(&introspected.claims, &issuer.claims)?;
    let principal = principal::of(config, issuer, claims, &further, TokenKind::Opaque, resource, clock.now())?;
    Ok((principal, Some(introspected.until)))
}
