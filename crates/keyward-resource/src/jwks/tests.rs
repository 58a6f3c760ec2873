use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Signer, key_set};

fn known_answer(jwk: Value, token: &str) {
    let keys = key_set(&[jwk]);
    let (input, signature) = token.rsplit_once('.').expect("a token");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let key = keys.keys.first().expect("a key");
    assert_eq!(key.verify(input.as_bytes(), &signature), Ok(()));
    assert_eq!(key.verify(&input.as_bytes()[1..], &signature), Err(TokenError::Signature));
    assert_eq!(key.verify(input.as_bytes(), &signature[1..]), Err(TokenError::Signature));
}

/// RFC 7515 §A.2.
#[test]
fn rs256_known_answer() {
    let n = concat!(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs",
        "D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV",
        "MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
    );
    let token = concat!(
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ",
        "cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e",
        "OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
    );
    known_answer(json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256"}), token);
}

/// RFC 7515 §A.3.
#[test]
fn es256_known_answer() {
    let (x, y) = ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    let token = concat!(
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    );
    known_answer(json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}), token);
}

/// RFC 7515 §A.4.
#[test]
fn es512_known_answer() {
    let x = "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk";
    let y = "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2";
    let token = concat!(
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.",
        "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgo",
        "XD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"
    );
    known_answer(json!({"kty": "EC", "crv": "P-521", "x": x, "y": y}), token);
}

/// A key of one curve is none of another, and a token of one algorithm none of another by the same key.
#[test]
fn every_algorithm_has_keys_of_its_own() {
    for &algorithm in Algorithm::ALL {
        let signer = Signer::new("a", algorithm);
        let keys = key_set(&[signer.jwk()]);
        assert_eq!((keys.len(), keys.algorithms()), (1, vec![algorithm]));
        let signature = signer.signature(algorithm, b"message");
        let key = keys.find(Some("a"), algorithm).expect("a key");
        assert_eq!(key.verify(b"message", &signature), Ok(()), "{algorithm}");
        assert_eq!(key.verify(b"massage", &signature), Err(TokenError::Signature), "{algorithm}");
        let others = Algorithm::ALL.iter().filter(|&&other| other != algorithm);
        for &other in others {
            assert!(keys.find(Some("a"), other).is_none());
            if Algorithm::RSA.contains(&algorithm) && Algorithm::RSA.contains(&other) {
                let signature = signer.signature(other, b"message");
                assert_eq!(key.verify(b"message", &signature), Err(TokenError::Signature), "{algorithm} {other}");
            }
        }
    }
}

/// RFC 8037 §A.4.
#[test]
fn ed25519_known_answer() {
    let token = concat!(
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    known_answer(json!({"kty": "OKP", "crv": "Ed25519", "x": x}), token);
}

#[test]
fn keys_that_cannot_be_used_are_passed_over() {
    let good = Signer::new("good", Algorithm::Es256).jwk();
    let changed = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let rsa = |bytes: usize| {
        let n = URL_SAFE_NO_PAD.encode([&[0x80][..], &vec![0; bytes - 2], &[1]].concat());
        json!({"kty": "RSA", "n": n, "e": "AQAB"})
    };
    let bad = [
        json!({"kty": "oct", "k": "c2VjcmV0"}),
        json!({"kty": "new"}),
        json!("no object"),
        json!(["EC", "kid", "ES256", null, null, "P-256", null, null, good["x"], good["y"]]),
        json!({}),
        changed("use", json!("enc")),
        changed("key_ops", json!(["sign"])),
        changed("alg", json!("ES384")),
        changed("alg", json!("RS256")),
        changed("alg", json!("none")),
        changed("crv", json!("P-384")),
        changed("crv", json!("secp256k1")),
        changed("y", good["x"].clone()),
        changed("y", Value::Null),
        changed("x", json!("AA")),
        changed("x", json!("!")),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "x": good["x"]}),
        json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
        json!({"kty": "RSA", "n": "", "e": ""}),
        rsa(128),
        rsa(255),
        rsa(1025),
    ];
    for jwk in &bad {
        assert_eq!(key_set(std::slice::from_ref(jwk)).len(), 0, "{jwk}");
    }
    let all: Vec<_> = bad.iter().cloned().chain([good]).collect();
    assert_eq!(key_set(&all).len(), 1);
}

#[test]
fn an_rsa_key_serves_every_padding_and_hash_unless_it_names_one() {
    let mut jwk = Signer::new("r", Algorithm::Rs256).jwk();
    assert!(key_set(&[jwk.clone()]).find(Some("r"), Algorithm::Ps256).is_none());
    jwk.as_object_mut().expect("an object").remove("alg");
    let keys = key_set(&[jwk]);
    assert_eq!(keys.algorithms(), Algorithm::RSA);
}

#[test]
fn a_modulus_with_the_zero_of_its_der_form_is_read() {
    let mut jwk = Signer::new("r", Algorithm::Rs256).jwk();
    let n = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().expect("n")).expect("base64url");
    jwk["n"] = URL_SAFE_NO_PAD.encode([&[0], &n[..]].concat()).into();
    assert_eq!(key_set(&[jwk]).len(), 1);
}

#[test]
fn no_key_id_means_the_only_key_that_fits() {
    let (first, second) = (Signer::new("1", Algorithm::Es256), Signer::new("2", Algorithm::Es256));
    let other = Signer::new("3", Algorithm::EdDsa);
    let keys = key_set(&[first.jwk(), other.jwk()]);
    assert!(keys.find(None, Algorithm::Es256).is_some());
    assert!(keys.find(Some("2"), Algorithm::Es256).is_none());
    assert!(keys.find(Some("3"), Algorithm::Es256).is_none());
    assert!(key_set(&[first.jwk(), second.jwk()]).find(None, Algorithm::Es256).is_none());
}

#[test]
fn what_is_no_set_is_an_error() {
    for text in ["", "[]", "[[]]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, "{\"keys\":[{]}"] {
        assert!(KeySet::from_jwks(text.as_bytes()).is_err(), "{text}");
    }
    assert!(KeySet::from_jwks(br#"{"keys":[],"more":1}"#).expect("a set").is_empty());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = KeySet::from_jwks(&bytes);
    }

    #[test]
    fn any_members_are_read_without_harm(
        kty in "EC|RSA|OKP|oct|[a-z]{0,3}", crv in "P-256|Ed25519|[A-Z]{0,3}", alg in "ES256|RS256|EdDSA|none",
        x in "[A-Za-z0-9_=-]{0,64}", y in "[A-Za-z0-9_-]{43}", n in "[A-Za-z0-9_-]{0,400}", e in "[A-Za-z0-9_-]{0,8}",
    ) {
        let jwk = json!({"kty": kty, "crv": crv, "alg": alg, "x": x, "y": y, "n": n, "e": e});
        prop_assert!(key_set(&[jwk]).len() <= 1);
    }
}
