//! The other role: Keyward as the client of an OpenID provider. What a provider says about a person (ID tokens) and about
//! the end of their login (logout tokens) is verified with the same keys and the same care as access tokens.

mod id_token;
mod logout_token;
#[cfg(test)]
mod tests;

use std::time::Duration;

use keyward_core::clock::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::error::TokenError;
use crate::jwks::KeySource;
use crate::jwt::{Algorithm, UnverifiedStatement};

pub use id_token::IdToken;
pub use logout_token::LogoutToken;

/// As whom, and of whom, statements are taken.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    /// The provider's issuer identifier, to the letter.
    pub issuer: String,
    /// Our client id there.
    pub client_id: String,
    /// The provider's keys.
    pub keys: KeySource,
    /// The algorithms that are taken from it; its keys narrow this further.
    pub algorithms: Vec<Algorithm>,
    /// How far clocks may differ.
    pub leeway: Duration,
}

/// Why a statement of a provider is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Form, algorithm, key, signature, issuer, audience or times.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Another client is the one that it was made for (OpenID Connect Core §3.1.3.7, `azp`).
    #[error("it was made for another client")]
    AuthorizedParty,
    /// It belongs to another login than this one (OpenID Connect Core §3.1.3.7, `nonce`).
    #[error("its nonce is not that of this login")]
    Nonce,
    /// It came with another access token (OpenID Connect Core §3.1.3.8, `at_hash`).
    #[error("its at_hash is not that of the access token")]
    AccessTokenHash,
    /// It is no logout token (OpenID Connect Back-Channel Logout §2.6).
    #[error("it is no logout token")]
    NoLogout,
    /// It was made too long ago.
    #[error("it is too old")]
    TooOld,
}

/// `aud`: one or several (RFC 7519 §4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

/// Seconds since the epoch, perhaps with a fraction (RFC 7519 §2).
#[derive(Clone, Copy, Deserialize)]
#[serde(transparent)]
struct NumericDate(f64);

impl NumericDate {
    fn at(self) -> Timestamp {
        // A conversion with `as` saturates.
        Timestamp::from_micros((self.0 * 1_000_000.0) as i64)
    }
}

impl RelyingParty {
    /// The claims of a statement that one of our provider's keys has signed.
    async fn claims(&self, token: &str, types: &[&str]) -> Result<Vec<u8>, StatementError> {
        let statement = UnverifiedStatement::parse(token)?;
        if !self.algorithms.contains(&statement.algorithm()) {
            return Err(TokenError::Algorithm.into());
        }
        if !statement.has_type(types) {
            return Err(TokenError::Type.into());
        }
        Ok(statement.verify(&self.keys).await?)
    }

    /// `iss` is the provider, and `aud` has our client id (OpenID Connect Core §3.1.3.7).
    fn check_parties(&self, issuer: &str, audience: &Audience) -> Result<(), StatementError> {
        if issuer != self.issuer {
            return Err(TokenError::Issuer.into());
        }
        let meant = audience.as_slice().contains(&self.client_id);
        if meant { Ok(()) } else { Err(TokenError::Audience.into()) }
    }

    fn check_times(&self, exp: Option<NumericDate>, iat: NumericDate, now: Timestamp) -> Result<(), StatementError> {
        if exp.is_some_and(|exp| exp.at().plus(self.leeway) <= now) {
            return Err(TokenError::Expired.into());
        }
        if iat.at() > now.plus(self.leeway) { Err(TokenError::NotYetValid.into()) } else { Ok(()) }
    }
}

/// A claim that means yes: providers write a boolean, some a text or a number.
fn is_yes(value: Option<&Value>) -> bool {
    value.is_some_and(|value| *value == true || *value == "true" || *value == "1" || *value == 1)
}
