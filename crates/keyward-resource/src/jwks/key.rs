//! One key (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2), parsed once and bound to one algorithm.

use std::fmt;

use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, EcdsaVerificationAlgorithm,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::error::TokenError;
use crate::jwt::Algorithm;
use keyward_core::json::object;

/// A public key for exactly one algorithm, so that no header can talk it into another.
pub(crate) struct Key {
    id: Option<Box<str>>,
    algorithm: Algorithm,
    key: ParsedPublicKey,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    public_key_use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Key {
    /// Every way in which the JWK may be used: none, one, or, for an RSA key without `alg`, every padding and hash.
    pub(crate) fn from_jwk(json: &str) -> Vec<Self> {
        let Ok(jwk) = object::<Jwk>(json.as_bytes()) else { return Vec::new() };
        let verifies = jwk.public_key_use.as_deref().is_none_or(|it| it == "sig")
            && jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !verifies {
            return Vec::new();
        }
        let fitting: &[Algorithm] = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("EC", Some("P-256")) => &[Algorithm::Es256],
            ("EC", Some("P-384")) => &[Algorithm::Es384],
            ("EC", Some("P-521")) => &[Algorithm::Es512],
            ("RSA", _) => Algorithm::RSA,
            ("OKP", Some("Ed25519")) => &[Algorithm::EdDsa],
            _ => &[],
        };
        let named = jwk.alg.as_deref().map(Algorithm::from_name);
        let wanted = fitting.iter().filter(|&&algorithm| named.is_none_or(|named| named == Some(algorithm)));
        wanted.filter_map(|&algorithm| Self::parse(&jwk, algorithm)).collect()
    }

    fn parse(jwk: &Jwk, algorithm: Algorithm) -> Option<Self> {
        let key = match algorithm {
            Algorithm::Es256 => ec::<32>(jwk, &ECDSA_P256_SHA256_FIXED)?,
            Algorithm::Es384 => ec::<48>(jwk, &ECDSA_P384_SHA384_FIXED)?,
            Algorithm::Es512 => ec::<66>(jwk, &ECDSA_P521_SHA512_FIXED)?,
            Algorithm::EdDsa => ParsedPublicKey::new(&ED25519, coordinate::<32>(jwk.x.as_ref())?),
            Algorithm::Rs256 => rsa(jwk, &RSA_PKCS1_2048_8192_SHA256)?,
            Algorithm::Rs384 => rsa(jwk, &RSA_PKCS1_2048_8192_SHA384)?,
            Algorithm::Rs512 => rsa(jwk, &RSA_PKCS1_2048_8192_SHA512)?,
            Algorithm::Ps256 => rsa(jwk, &RSA_PSS_2048_8192_SHA256)?,
            Algorithm::Ps384 => rsa(jwk, &RSA_PSS_2048_8192_SHA384)?,
            Algorithm::Ps512 => rsa(jwk, &RSA_PSS_2048_8192_SHA512)?,
        };
        Some(Self { id: jwk.kid.as_deref().map(Box::from), algorithm, key: key.ok()? })
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether it is the same key, by whatever name.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.key.as_ref() == other.key.as_ref()
    }

    /// ECDSA signatures are the two integers side by side (RFC 7518 §3.4), not DER.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), TokenError> {
        self.key.verify_sig(message, signature).map_err(|_| TokenError::Signature)
    }
}

/// SEC 1 §2.3.3: uncompressed point. Each coordinate has the full length (RFC 7518 §6.2.1.2).
fn ec<const LENGTH: usize>(
    jwk: &Jwk,
    algorithm: &'static EcdsaVerificationAlgorithm,
) -> Option<Result<ParsedPublicKey, KeyRejected>> {
    let (x, y) = (coordinate::<LENGTH>(jwk.x.as_ref())?, coordinate::<LENGTH>(jwk.y.as_ref())?);
    Some(ParsedPublicKey::new(algorithm, [&[4], &x[..], &y[..]].concat()))
}

fn coordinate<const LENGTH: usize>(text: Option<&String>) -> Option<[u8; LENGTH]> {
    URL_SAFE_NO_PAD.decode(text?).ok()?.try_into().ok()
}

/// At least 2048 bits (RFC 7518 §3.3), at most what a signature buffer holds.
fn rsa(jwk: &Jwk, parameters: &'static RsaParameters) -> Option<Result<ParsedPublicKey, KeyRejected>> {
    // Some issuers write the modulus with the leading zero of its DER form.
    let number = |text: Option<&String>| {
        let bytes = URL_SAFE_NO_PAD.decode(text?).ok()?;
        let start = bytes.iter().position(|&byte| byte != 0)?;
        Some(bytes[start..].to_vec())
    };
    let components = PublicKeyComponents { n: number(jwk.n.as_ref())?, e: number(jwk.e.as_ref())? };
    let bits = components.n.len() * 8 - components.n.first()?.leading_zeros() as usize;
    (2048..=8192).contains(&bits).then(|| components.to_parsed_public_key(parameters))
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.id().unwrap_or("-"))
    }
}
