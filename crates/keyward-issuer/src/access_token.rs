//! Access tokens: JWTs of the profile RFC 9068, for one resource.

use keyward_core::clock::Timestamp;
use keyward_core::id::{GrantId, UserId};
use keyward_core::random::RandomFailed;
use keyward_core::scope::ScopeSet;
use keyward_storage::grants::Grant;
use serde::{Deserialize, Serialize};

use crate::scope;
use crate::signing::SigningError;
use crate::state::Issuer;

/// The `typ` of its header (RFC 9068 §2.1).
const TYP: &str = "at+jwt";

/// What an access token says (RFC 9068 §2.2).
#[derive(Serialize, Deserialize)]
pub(crate) struct AccessTokenClaims {
    pub(crate) iss: String,
    pub(crate) sub: UserId,
    pub(crate) aud: String,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) jti: String,
    /// The grant it was issued under; when that ends, so does the token.
    pub(crate) grant_id: GrantId,
    /// For the audit log. What is elsewhere is told the person's e-mail if they have allowed that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
}

/// Why no access token could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MintError {
    #[error(transparent)]
    Random(#[from] RandomFailed),
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// Makes one under `grant`, for `scopes`, which is all of the grant's or less.
pub(crate) fn mint(
    issuer: &Issuer,
    grant: &Grant,
    scopes: &ScopeSet,
    email: &str,
    now: Timestamp,
) -> Result<String, MintError> {
    let tells_email = !issuer.config.is_elsewhere(&grant.resource) || scopes.contains(scope::EMAIL);
    let jti = keyward_core::id::uuid_v7(now, &issuer.random)?;
    let claims = AccessTokenClaims {
        iss: issuer.config.public_url.clone(),
        sub: grant.user_id,
        aud: grant.resource.clone(),
        client_id: grant.client_id.clone(),
        scope: scopes.to_string(),
        iat: now.as_seconds(),
        exp: now.plus(issuer.config.lifetimes.access_token).as_seconds(),
        jti: jti.to_string(),
        grant_id: grant.id,
        email: tells_email.then(|| email.to_owned()),
    };
    Ok(issuer.signing.sign(TYP, &claims)?)
}

/// What an access token of ours says, ended or not; `None` for all else.
pub(crate) fn open(issuer: &Issuer, token: &str) -> Option<AccessTokenClaims> {
    let claims: AccessTokenClaims = issuer.signing.open(TYP, token)?;
    (claims.iss == issuer.config.public_url).then_some(claims)
}
