//! Verification of an opaque access token: its issuer is asked (RFC 7662 §4), and what it says is held against the same
//! rules as the claims of a JWT.

use keyward_core::clock::{Clock, Timestamp};

use super::{VerifierConfig, principal};
use crate::error::TokenError;
use crate::jwt::{Claims, FurtherClaims};
use crate::metadata::ProtectedResource;
use crate::principal::{Principal, TokenKind};

/// Who calls, and until when that may be believed. Shown to one issuer, whose prefix says most of it, and to no other:
/// none is to see another's tokens.
pub(super) async fn verify(
    config: &VerifierConfig,
    token: &str,
    resource: &ProtectedResource,
    clock: &Clock,
) -> Result<(Principal, Option<Timestamp>), TokenError> {
    let serving = config.issuers.iter().filter(|issuer| issuer.serves(resource.resource().as_str()));
    let fitting = serving.filter_map(|issuer| {
        let introspection = issuer.introspection.as_ref()?;
        Some((issuer, introspection, introspection.fits(token)?))
    });
    let asked = fitting.min_by_key(|(.., fits)| std::cmp::Reverse(*fits));
    let (issuer, introspection, _) = asked.ok_or(TokenError::Malformed)?;
    let introspected = introspection.ask(token).await?;
    let claims = Claims::parse(&introspected.claims)?;
    let further = FurtherClaims::of(&introspected.claims, &issuer.claims)?;
    let principal = principal::of(config, issuer, claims, &further, TokenKind::Opaque, resource, clock.now())?;
    Ok((principal, Some(introspected.until)))
}
