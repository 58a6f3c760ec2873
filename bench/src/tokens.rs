//! Access tokens of an issuer that exists for the run only (RFC 9068, ES256 and RS256).

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

/// The `iss` of every token.
pub(crate) const ISSUER: &str = "https://issuer.example";

/// Writes `DIRECTORY/es256.txt` and `rs256.txt`, `count` different tokens for `resource` each; returns the key set.
pub(crate) fn write(directory: &Path, count: usize, resource: &str) -> Result<String> {
    let random = SystemRandom::new();
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| anyhow!("cannot make an EC key"))?;
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("cannot make an RSA key"))?;
    let es256 = |message: &[u8]| ec.sign(&random, message).map(|signature| signature.as_ref().to_vec());
    let rs256 = |message: &[u8]| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map(|()| signature)
    };
    std::fs::write(directory.join("es256.txt"), tokens("ES256", count, resource, es256)?)?;
    std::fs::write(directory.join("rs256.txt"), tokens("RS256", count, resource, rs256)?)?;

    let point = ec.public_key().as_ref();
    let (n, e) = (rsa.public_key().modulus(), rsa.public_key().exponent());
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let keys = json!({"keys": [
        {"kty": "EC", "use": "sig", "alg": "ES256", "kid": "ES256", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..])},
        {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "RS256",
         "n": encode(n.big_endian_without_leading_zero()), "e": encode(e.big_endian_without_leading_zero())},
    ]});
    Ok(keys.to_string())
}

fn tokens<E>(alg: &str, count: usize, resource: &str, sign: impl Fn(&[u8]) -> Result<Vec<u8>, E>) -> Result<String> {
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "typ": "at+jwt", "kid": alg}).to_string());
    let mut lines = String::new();
    for number in 0..count {
        let claims = json!({
            "iss": ISSUER, "sub": format!("user_{number:012}"), "aud": resource, "client_id": "c_01HXYZABCDEF",
            "iat": 1_700_000_000u64, "exp": 4_100_000_000u64, "jti": format!("0f6d0b1e-3f6a-4b0e-9a53-{number:012x}"),
            "scope": "bench:call",
        });
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = sign(message.as_bytes()).map_err(|_| anyhow!("cannot sign with {alg}"))?;
        writeln!(lines, "{message}.{}", URL_SAFE_NO_PAD.encode(signature))?;
    }
    Ok(lines)
}
