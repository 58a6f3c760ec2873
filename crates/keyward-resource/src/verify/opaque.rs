//! Verification of an access token by its issuer's word: it is asked (RFC 7662 §4), and what it says is held against the
//! same rules as the claims of a JWT.

use keyward_core::clock::{Clock, Timestamp};

use super::{TrustedIssuer, VerifierConfig, principal};
use crate::error::TokenError;
use crate::jwt::{Claims, FurtherClaims, issuer_named_by};
use crate::metadata::ProtectedResource;
use crate::principal::{Principal, TokenKind};
use crate::provider::Introspection;

/// What tokens of Keyward's own begin with: three letters of which the third says the kind, and a line.
const OWN: &str = "kw";

type Asked<'a> = (&'a TrustedIssuer, &'a Introspection);

/// Whom an opaque token is shown to: the issuer whose prefix says most of it, and no other, for none is to see another's
/// tokens.
pub(super) fn asked_about<'a>(
    config: &'a VerifierConfig,
    token: &str,
    resource: &ProtectedResource,
) -> Option<Asked<'a>> {
    if is_own(token) || is_jws(token) {
        return None;
    }
    // Among all, for what is another's is not shown to the one that serves here.
    let fitting = config.issuers.iter().filter_map(|issuer| {
        let introspection = issuer.introspection.as_ref()?;
        Some((issuer, introspection, introspection.fits(token)?))
    });
    let (issuer, introspection, _) = fitting.min_by_key(|(.., fits)| std::cmp::Reverse(*fits))?;
    issuer.serves(resource.resource().as_str()).then_some((issuer, introspection))
}

/// Whom a signed token is shown to: the issuer that it names, if that one is to be asked about such, too.
pub(super) fn asked_about_signed<'a>(
    config: &'a VerifierConfig,
    token: &str,
    resource: &ProtectedResource,
) -> Option<Asked<'a>> {
    let asked = |issuer: &'a TrustedIssuer| {
        let serves = issuer.serves(resource.resource().as_str());
        Some((issuer, issuer.introspection.as_ref().filter(|asked| serves && asked.is_for_signed_tokens())?))
    };
    let mut may_be = config.issuers.iter().filter_map(asked).peekable();
    may_be.peek()?;
    let named = issuer_named_by(token)?;
    may_be.find(|(issuer, _)| *issuer.issuer == *named)
}

/// Who calls, and until when that may be believed.
pub(super) async fn verify(
    config: &VerifierConfig,
    (issuer, introspection): Asked<'_>,
    token: &str,
    resource: &ProtectedResource,
    clock: &Clock,
) -> Result<(Principal, Option<Timestamp>), TokenError> {
    let introspected = introspection.ask(token).await?;
    let claims = Claims::parse(&introspected.claims)?;
    let further = FurtherClaims::of(&introspected.claims, &issuer.claims)?;
    let principal = principal::of(config, issuer, claims, &further, TokenKind::Opaque, resource, clock.now())?;
    Ok((principal, Some(introspected.until)))
}

/// A token or another secret of Keyward's own, whole or not.
fn is_own(token: &str) -> bool {
    token.strip_prefix(OWN).is_some_and(|rest| rest.as_bytes().get(1) == Some(&b'_'))
}

/// A JWS (RFC 7515 §7.1) by its look: three parts, of which the first is a JSON object in base64url. Its issuer signs it, and
/// so need not be asked; it may be another's.
fn is_jws(token: &str) -> bool {
    let object = token.starts_with("ey") || token.starts_with("ew") || token.starts_with("e3");
    object && token.bytes().filter(|byte| *byte == b'.').count() == 2
}
