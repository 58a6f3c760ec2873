//! Good tokens, and what becomes of them.

use serde_json::{Value, json};

use super::*;
use crate::TokenKind;
use crate::testing::claims;

#[tokio::test]
async fn each_algorithm_verifies_with_its_own_key() {
    let signers = Algorithm::ALL.iter().map(|&algorithm| Signer::new(algorithm.name(), algorithm));
    let signers: Vec<_> = signers.collect();
    let world = World::new(vec![issuer(ISSUER, &signers.iter().collect::<Vec<_>>())]);
    for signer in &signers {
        let principal = world.verify(&signer.token()).await.expect(signer.kid);
        assert_eq!((principal.subject.as_str(), principal.kind), ("person", TokenKind::Jwt));
        // Under another key's id: the id leads to a key that does not serve this algorithm.
        for other in signers.iter().filter(|other| other.kid != signer.kid) {
            let mut header = signer.header();
            header["kid"] = other.kid.into();
            assert_eq!(world.verify(&signer.sign(&header, &claims())).await, Err(TokenError::Key));
        }
    }
}

#[tokio::test]
async fn an_rsa_key_with_alg_does_not_serve_the_other_padding() {
    let signer = Signer::new("rsa", Algorithm::Rs256);
    let world = World::new(vec![issuer(ISSUER, &[&signer])]);
    let mut header = signer.header();
    header["alg"] = "PS256".into();
    let input = format!("{}.{}", crate::testing::part(&header), crate::testing::part(&claims()));
    let signature = signer.signature(Algorithm::Ps256, input.as_bytes());
    let token =
        format!("{input}.{}", base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, signature));
    assert_eq!(world.verify(&token).await, Err(TokenError::Key));
}

#[tokio::test]
async fn an_issuer_may_allow_fewer_algorithms_than_it_has_keys() {
    let signer = es256();
    let trusted = TrustedIssuer { algorithms: vec![Algorithm::Rs256], ..issuer(ISSUER, &[&signer]) };
    assert_eq!(World::new(vec![trusted]).verify(&signer.token()).await, Err(TokenError::Algorithm));
}

#[tokio::test]
async fn the_principal_says_what_the_token_says() {
    let signer = es256();
    let world = World::with(VerifierConfig {
        issuers: vec![issuer(ISSUER, &[&signer])],
        hierarchy: ScopeHierarchy::new(
            [("coda:write".parse().expect("scope"), "coda:comment".parse().expect("scopes"))].into(),
        ),
        ..VerifierConfig::default()
    });
    let grant = "0190b0a0-0000-7000-8000-000000000001";
    let mut all = claims();
    all["grant_id"] = grant.into();
    all["email"] = "person@example.com".into();
    let principal = world.verify(&signer.sign(&signer.header(), &all)).await.expect("a principal");
    assert_eq!(&*principal.issuer, ISSUER);
    assert_eq!(principal.client_id.as_deref(), Some("client"));
    assert_eq!(principal.scopes.to_string(), "coda:read coda:write");
    assert_eq!(principal.granted.to_string(), "coda:comment coda:read coda:write");
    assert_eq!(principal.expires_at, Timestamp::from_seconds(NOW + 540));
    assert_eq!(principal.grant_id.map(|id| id.to_string()).as_deref(), Some(grant));
    assert_eq!(principal.token_id.as_deref(), Some("token-1"));
    assert_eq!(principal.email.as_deref(), Some("person@example.com"));
}

#[tokio::test]
async fn the_grant_of_a_foreign_issuer_is_none_of_ours() {
    let signer = es256();
    let world = World::new(vec![TrustedIssuer { own: false, ..issuer(ISSUER, &[&signer]) }]);
    let token = signer.token_with("grant_id", "0190b0a0-0000-7000-8000-000000000001".into());
    assert_eq!(world.verify(&token).await.expect("a principal").grant_id, None);
}

#[tokio::test]
async fn scopes_and_clients_as_other_issuers_write_them() {
    let signer = es256();
    let world = World::new(vec![issuer(ISSUER, &[&signer])]);
    let changes: [(&str, Value, &str); 5] = [
        ("scp", json!(["a", "b"]), "a b"),
        ("scp", json!("b a"), "a b"),
        ("scope", json!(["b", "a"]), "a b"),
        ("scope", json!("a \"quoted\" b"), "a b"),
        ("scope", Value::Null, ""),
    ];
    for (name, value, expected) in changes {
        let mut claims = claims();
        let members = claims.as_object_mut().expect("an object");
        for absent in ["scope", "client_id"] {
            members.remove(absent);
        }
        members.insert(name.to_owned(), value);
        members.insert("azp".to_owned(), "app".into());
        let principal = world.verify(&signer.sign(&signer.header(), &claims)).await.expect("a principal");
        assert_eq!((principal.scopes.to_string().as_str(), principal.client_id.as_deref()), (expected, Some("app")));
    }
}

#[tokio::test]
async fn audiences_as_a_list_and_dates_with_fractions() {
    let signer = es256();
    let world = World::new(vec![issuer(ISSUER, &[&signer])]);
    assert!(world.verify(&signer.token_with("aud", json!(["https://other.example", RESOURCE]))).await.is_ok());
    let principal = world.verify(&signer.token_with("exp", json!(NOW as f64 + 0.5))).await.expect("a principal");
    assert_eq!(principal.expires_at, Timestamp::from_micros(NOW * 1_000_000 + 500_000));
    assert!(world.verify(&signer.token_with("exp", json!(u64::MAX))).await.is_ok());
    assert!(world.verify(&signer.token_with("exp", json!(1e300))).await.is_ok());
}

#[tokio::test]
async fn clocks_may_differ_by_the_leeway() {
    let signer = es256();
    let world = World::new(vec![issuer(ISSUER, &[&signer])]);
    for (name, seconds) in [("exp", NOW - 4), ("nbf", NOW + 5), ("iat", NOW + 5)] {
        assert!(world.verify(&signer.token_with(name, seconds.into())).await.is_ok(), "{name}");
    }
    for (name, seconds) in [("exp", NOW - 5), ("nbf", NOW + 6), ("iat", NOW + 6)] {
        assert!(world.verify(&signer.token_with(name, seconds.into())).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn types_before_rfc_9068_pass_where_that_is_configured() {
    let signer = es256();
    let strict = World::new(vec![issuer(ISSUER, &[&signer])]);
    let tolerant = World::new(vec![TrustedIssuer { type_rule: TypeRule::Tolerant, ..issuer(ISSUER, &[&signer]) }]);
    for (typ, strictly, tolerantly) in [
        (json!("AT+JWT"), true, true),
        (json!("application/at+jwt"), true, true),
        (json!("JWT"), false, true),
        (Value::Null, false, true),
        (json!("dpop+jwt"), false, false),
    ] {
        let mut header = signer.header();
        header["typ"] = typ.clone();
        let token = signer.sign(&header, &claims());
        assert_eq!(strict.verify(&token).await.is_ok(), strictly, "{typ}");
        assert_eq!(tolerant.verify(&token).await.is_ok(), tolerantly, "{typ}");
    }
}

#[tokio::test]
async fn very_long_tokens_are_not_read() {
    let signer = es256();
    let world = World::new(vec![issuer(ISSUER, &[&signer])]);
    assert!(world.verify(&signer.token_with("groups", "g".repeat(8_000).into())).await.is_ok());
    let token = signer.token_with("groups", "g".repeat(16_000).into());
    assert_eq!(world.verify(&token).await, Err(TokenError::Malformed));
}

#[test]
fn no_text_for_callers_tells_forgers_which_check_failed() {
    use TokenError::{Algorithm, Claims, Critical, Form, Key, Malformed, Signature, Type, UnknownStatic};
    let texts = [Malformed, Algorithm, Critical, Type, Key, Signature, Claims, Form, UnknownStatic]
        .map(TokenError::description);
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
}
