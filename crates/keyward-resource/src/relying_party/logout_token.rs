//! Logout tokens (OpenID Connect Back-Channel Logout §2.4, §2.6).

use std::time::Duration;

use keyward_core::clock::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Audience, NumericDate, RelyingParty, StatementError};
use crate::error::TokenError;
use keyward_core::json::object;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// One that was made longer ago is not taken; its id is remembered for so long.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// The provider's word that somebody has logged out there. At least one of subject and session is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutToken {
    /// Who.
    pub subject: Option<String>,
    /// Which session there.
    pub session_id: Option<String>,
    /// Its own id: it is good once.
    pub token_id: String,
    /// Until when its id must be remembered.
    pub usable_until: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: Option<String>,
    aud: Audience,
    iat: NumericDate,
    exp: Option<NumericDate>,
    jti: String,
    sid: Option<String>,
    events: Map<String, Value>,
    #[serde(default, deserialize_with = "there")]
    nonce: bool,
}

/// Whether a member is there at all, even with `null`.
fn there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl RelyingParty {
    /// Verifies a logout token. That it was not used before is for the caller to see.
    pub async fn logout_token(&self, token: &str, now: Timestamp) -> Result<LogoutToken, StatementError> {
        // Not every provider gives it the type that it should have.
        let json = self.claims(token, &["logout+jwt", "jwt"]).await?;
        self.read_logout_token(&json, now)
    }

    /// Of what a key of the provider has signed.
    pub(crate) fn read_logout_token(&self, json: &[u8], now: Timestamp) -> Result<LogoutToken, StatementError> {
        let claims: Claims = object(json).map_err(|_| TokenError::Claims)?;
        self.check_parties(&claims.iss, &claims.aud)?;
        self.check_times(claims.exp, claims.iat, now)?;
        let usable_until = claims.iat.at().plus(FRESH + self.leeway);
        if usable_until <= now {
            return Err(StatementError::TooOld);
        }
        // A nonce would make an ID token of it.
        if claims.nonce || !claims.events.get(EVENT).is_some_and(Value::is_object) {
            return Err(StatementError::NoLogout);
        }
        let plain = |text: &String| !text.is_empty() && !text.contains('\0');
        let (subject, session_id) = (claims.sub.filter(plain), claims.sid.filter(plain));
        if (subject.is_none() && session_id.is_none()) || !plain(&claims.jti) {
            return Err(TokenError::Claims.into());
        }
        Ok(LogoutToken { subject, session_id, token_id: claims.jti, usable_until })
    }
}
