//! From an issuer's claims to a principal: whom they are for, when they hold, what they grant (RFC 9068 §4).

use std::sync::Arc;

use keyward_core::clock::Timestamp;

use super::{TrustedIssuer, VerifierConfig};
use crate::accounts::Account;
use crate::error::TokenError;
use crate::jwt::{Claims, FurtherClaims};
use crate::metadata::ProtectedResource;
use crate::principal::{Principal, TokenKind};

/// `claims` are known to be `issuer`'s.
pub(super) fn of(
    config: &VerifierConfig,
    issuer: &TrustedIssuer,
    mut claims: Claims,
    further: &FurtherClaims,
    kind: TokenKind,
    resource: &ProtectedResource,
    now: Timestamp,
) -> Result<Principal, TokenError> {
    if !issuer.own && claims.is_other_statement() {
        return Err(TokenError::Type);
    }
    claims.check_audience(&issuer.audience, resource.resource())?;
    claims.check_times(now, config.leeway)?;
    issuer.claims.check_form(further)?;
    let scopes = issuer.claims.scopes_of(&claims, further);
    let email = issuer.claims.email_of(&mut claims, further);
    let user_id = if issuer.own {
        claims.sub.parse().ok()
    } else {
        match email.as_deref().filter(|_| issuer.accounts_by_email).and_then(|email| config.accounts.find(email)) {
            Some(Account::Open(id)) => Some(id),
            // Closing an account is to keep its person out, wherever they log in.
            Some(Account::Closed) => return Err(TokenError::Revoked),
            None => None,
        }
    };
    Ok(Principal {
        issuer: Arc::clone(&issuer.issuer),
        client_id: claims.take_client_id(),
        granted: config.hierarchy.expand(&scopes),
        scopes,
        expires_at: claims.expires_at(),
        kind,
        grant_id: claims.grant_id.filter(|_| issuer.own).and_then(|id| id.parse().ok()),
        user_id,
        token_id: claims.jti,
        subject: claims.sub,
        email,
        name: None,
    })
}
