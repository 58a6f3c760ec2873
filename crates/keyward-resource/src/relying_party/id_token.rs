//! ID tokens (OpenID Connect Core §2, §3.1.3.7).

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_core::clock::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Audience, NumericDate, RelyingParty, StatementError, is_yes};
use crate::error::TokenError;
use crate::jwt::{Algorithm, UnverifiedStatement};
use keyward_core::json::object;

/// Longest subject (OpenID Connect Core §2).
const LONGEST_SUBJECT: usize = 255;

/// Who has logged in, as the provider says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdToken {
    /// The person, to this provider.
    pub subject: String,
    /// When they proved who they are, if the provider says.
    pub auth_time: Option<Timestamp>,
    /// The session there, for logout.
    pub session_id: Option<String>,
    /// An e-mail address, believed or not.
    pub email: Option<String>,
    /// Whether the provider says that the address is theirs.
    pub email_verified: bool,
    /// Whether it says so in Entra's own word, `xms_edov`; from others that means nothing.
    pub domain_owner_verified: bool,
    /// The organisation of the account, as Google has it.
    pub hosted_domain: Option<String>,
    /// What they are called.
    pub name: Option<String>,
}

/// What is read. Members that occur twice are refused by the derived code (RFC 7519 §4).
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: NumericDate,
    iat: NumericDate,
    nonce: Option<String>,
    at_hash: Option<String>,
    auth_time: Option<NumericDate>,
    sid: Option<String>,
    email: Option<String>,
    email_verified: Option<Value>,
    /// Entra's word for it, an optional claim there.
    xms_edov: Option<Value>,
    hd: Option<String>,
    name: Option<String>,
}

impl RelyingParty {
    /// Verifies the ID token that came with `access_token` from the token endpoint, as the answer to the login that had
    /// this `nonce`.
    pub async fn id_token(
        &self,
        token: &str,
        nonce: &str,
        access_token: &[u8],
        now: Timestamp,
    ) -> Result<IdToken, StatementError> {
        let algorithm = UnverifiedStatement::parse(token)?.algorithm();
        let json = self.claims(token, &["jwt"]).await?;
        self.read_id_token(&json, algorithm, nonce, access_token, now)
    }

    /// Of what a key of the provider has signed with `algorithm`.
    pub(crate) fn read_id_token(
        &self,
        json: &[u8],
        algorithm: Algorithm,
        nonce: &str,
        access_token: &[u8],
        now: Timestamp,
    ) -> Result<IdToken, StatementError> {
        let claims: Claims = object(json).map_err(|_| TokenError::Claims)?;
        self.check_parties(&claims.iss, &claims.aud)?;
        let alone = claims.aud.as_slice().len() == 1;
        if !claims.azp.as_ref().map_or(alone, |azp| *azp == self.client_id) {
            return Err(StatementError::AuthorizedParty);
        }
        self.check_times(Some(claims.exp), claims.iat, now)?;
        let same = |claimed: &str| {
            aws_lc_rs::constant_time::verify_slices_are_equal(claimed.as_bytes(), nonce.as_bytes()).is_ok()
        };
        if !claims.nonce.as_deref().is_some_and(same) {
            return Err(StatementError::Nonce);
        }
        if claims.at_hash.is_some_and(|claimed| claimed != left_half(algorithm, access_token)) {
            return Err(StatementError::AccessTokenHash);
        }
        if claims.sub.is_empty() || claims.sub.len() > LONGEST_SUBJECT || claims.sub.contains('\0') {
            return Err(TokenError::Claims.into());
        }
        Ok(IdToken {
            subject: claims.sub,
            auth_time: claims.auth_time.map(NumericDate::at),
            session_id: claims.sid.filter(|sid| !sid.contains('\0')),
            email: claims.email,
            email_verified: is_yes(claims.email_verified.as_ref()),
            domain_owner_verified: is_yes(claims.xms_edov.as_ref()),
            hosted_domain: claims.hd,
            name: claims.name,
        })
    }
}

/// The left half of the hash that goes with the signature algorithm (OpenID Connect Core §3.1.3.6).
pub(super) fn left_half(algorithm: Algorithm, access_token: &[u8]) -> String {
    let name = algorithm.name();
    let hash = match name {
        _ if name.ends_with("384") => &SHA384,
        // Ed25519 hashes with SHA-512 itself.
        _ if name.ends_with("512") || name == "EdDSA" => &SHA512,
        _ => &SHA256,
    };
    let hash = digest(hash, access_token);
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}
