//! Tokens of our own making: an issuer that Keyward trusts, and what somebody would forge.

use anyhow::{Context, Result};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A key pair for ES256 (RFC 7518 §3.4).
pub struct SigningKey {
    pair: EcdsaKeyPair,
    kid: String,
}

impl SigningKey {
    /// A new one.
    pub fn generate(kid: &str) -> Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        Ok(Self { pair, kid: kid.into() })
    }

    /// Its public part as a JWK Set (RFC 7517 §5).
    pub fn jwks(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid, "x": encode(x), "y": encode(y),
        }] })
    }

    /// An access token (RFC 9068) with these claims.
    pub fn sign(&self, claims: &Value) -> Result<String> {
        self.sign_with_header(&json!({ "typ": "at+jwt", "alg": "ES256", "kid": self.kid }), claims)
    }

    /// A JWS with any header, signed with ES256 whatever that says.
    pub fn sign_with_header(&self, header: &Value, claims: &Value) -> Result<String> {
        let signed = signing_input(header, claims);
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes())?;
        Ok(format!("{signed}.{}", encode(signature.as_ref())))
    }
}

/// A JWS with `alg: HS256` whose secret is a public key: what an issuer's key set gives away.
pub fn hmac_signed(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let signed = signing_input(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", encode(tag.as_ref()))
}

/// A JWS without a signature (`alg: none`).
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.", signing_input(header, claims))
}

/// A token's header or claims, without any check.
pub fn part(token: &str, index: usize) -> Result<Value> {
    let encoded = token.split('.').nth(index).with_context(|| format!("no part {index} in {token}"))?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded)?)?)
}

/// The claims of a token, without any check.
pub fn claims(token: &str) -> Result<Value> {
    part(token, 1)
}

/// The same header and signature under other claims.
pub fn with_claims(token: &str, claims: &Value) -> Result<String> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, _, signature] = parts.as_slice() else { anyhow::bail!("not a JWS: {token}") };
    Ok(format!("{header}.{}.{signature}", encode(claims.to_string().as_bytes())))
}

/// Seconds since 1970 (NumericDate, RFC 7519 §2).
pub fn now() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().expect("the clock is right");
    i64::try_from(since.as_secs()).expect("the clock is right")
}

fn signing_input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()))
}

/// base64url without padding (RFC 7515 §2).
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
