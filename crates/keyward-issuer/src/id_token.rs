//! ID tokens (OpenID Connect Core §2), for clients that ask for `openid`.

use keyward_core::clock::Timestamp;
use keyward_storage::grants::Grant;
use serde::Serialize;

use crate::scope;
use crate::signing::SigningError;
use crate::state::Issuer;

#[derive(Serialize)]
struct IdTokenClaims<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    iat: i64,
    exp: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
}

/// The login that a code was issued in.
pub(crate) struct LoginOfCode<'a> {
    pub(crate) auth_time: Timestamp,
    pub(crate) nonce: Option<&'a str>,
}

/// The ID token for `grant`; `None` when the client did not ask to know who the person is.
pub(crate) fn mint(
    issuer: &Issuer,
    grant: &Grant,
    email: &str,
    login: &LoginOfCode<'_>,
    now: Timestamp,
) -> Result<Option<String>, SigningError> {
    if !grant.scope.contains(scope::OPENID) {
        return Ok(None);
    }
    let claims = IdTokenClaims {
        iss: &issuer.config.public_url,
        sub: grant.user_id.to_string(),
        aud: &grant.client_id,
        iat: now.as_seconds(),
        exp: now.plus(issuer.config.lifetimes.access_token).as_seconds(),
        auth_time: login.auth_time.as_seconds(),
        nonce: login.nonce,
        email: grant.scope.contains(scope::EMAIL).then_some(email),
    };
    issuer.signing.sign("JWT", &claims).map(Some)
}
