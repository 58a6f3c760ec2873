use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::json;

use super::id_token::left_half;
use super::*;
use crate::testing::{ISSUER, NOW, Signer, key_set, part};

const TOKEN: &[u8] = b"the access token";

struct Ground {
    party: RelyingParty,
    signer: Signer,
}

fn ground() -> Ground {
    let signer = Signer::new("k1", Algorithm::Es256);
    let keys = KeySource::Local(Arc::new(ArcSwap::from_pointee(key_set(&[signer.jwk()]))));
    let party = RelyingParty {
        issuer: ISSUER.to_owned(),
        client_id: "keyward".to_owned(),
        keys,
        algorithms: vec![Algorithm::Es256],
        leeway: Duration::from_secs(5),
    };
    Ground { party, signer }
}

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

/// `base` with one member changed; `null` takes it away.
fn with(mut base: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => drop(base.as_object_mut().expect("an object").remove(name)),
        value => base[name] = value,
    }
    base
}

fn id_claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "s-1", "aud": "keyward", "exp": NOW + 300, "iat": NOW, "nonce": "the nonce",
        "email": "ada@example.com", "email_verified": true, "sid": "there",
    })
}

fn logout_claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "s-1", "aud": ["keyward"], "iat": NOW, "exp": NOW + 120, "jti": "j-1", "sid": "there",
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    })
}

impl Ground {
    async fn id_token(&self, header: &Value, claims: &Value) -> Result<IdToken, StatementError> {
        self.party.id_token(&self.signer.sign(header, claims), "the nonce", TOKEN, now()).await
    }

    fn header(&self, typ: &str) -> Value {
        with(self.signer.header(), "typ", typ.into())
    }
}

#[test]
fn the_hash_of_an_access_token_is_that_of_the_standard() {
    // OpenID Connect Core, appendix A.3.
    let token = b"jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    assert_eq!(left_half(Algorithm::Rs256, token), "77QmUPtjPfzWtF2AnpK9RQ");
}

#[tokio::test]
async fn a_good_id_token_says_who_it_is() {
    let ground = ground();
    let claims = with(id_claims(), "at_hash", left_half(Algorithm::Es256, TOKEN).into());
    let read = ground.id_token(&ground.header("JWT"), &claims).await.expect("an ID token");
    assert_eq!((read.subject.as_str(), read.session_id.as_deref()), ("s-1", Some("there")));
    assert_eq!((read.email.as_deref(), read.email_verified), (Some("ada@example.com"), true));
    for (name, value) in [
        ("at_hash", Value::Null),
        ("aud", json!(["keyward"])),
        ("azp", json!("keyward")),
        ("email_verified", json!("true")),
        ("iat", json!(NOW + 4)),
        ("exp", json!(NOW - 4)),
    ] {
        ground.id_token(&ground.header("JWT"), &with(claims.clone(), name, value)).await.expect(name);
    }
    let several = with(with(claims.clone(), "aud", json!(["keyward", "other"])), "azp", json!("keyward"));
    ground.id_token(&with(ground.signer.header(), "typ", Value::Null), &several).await.expect("with azp");
    let unverified = with(claims, "email_verified", json!("yes"));
    assert!(!ground.id_token(&ground.header("JWT"), &unverified).await.expect("an ID token").email_verified);
}

#[tokio::test]
async fn an_id_token_of_another_login_client_or_issuer_is_not_believed() {
    use StatementError::{AccessTokenHash, AuthorizedParty, Nonce, Token};
    let ground = ground();
    let claims = id_claims();
    for (name, value, expected) in [
        ("iss", json!("https://issuer.example/"), Token(TokenError::Issuer)),
        ("aud", json!("other"), Token(TokenError::Audience)),
        ("aud", json!([]), Token(TokenError::Audience)),
        ("aud", json!(["keyward", "other"]), AuthorizedParty),
        ("azp", json!("other"), AuthorizedParty),
        ("nonce", json!("another nonce"), Nonce),
        ("nonce", Value::Null, Nonce),
        ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"), AccessTokenHash),
        ("exp", json!(NOW - 6), Token(TokenError::Expired)),
        ("exp", Value::Null, Token(TokenError::Claims)),
        ("iat", json!(NOW + 6), Token(TokenError::NotYetValid)),
        ("iat", Value::Null, Token(TokenError::Claims)),
        ("sub", json!(""), Token(TokenError::Claims)),
        ("sub", json!("a\0b"), Token(TokenError::Claims)),
        ("sub", json!("a".repeat(256)), Token(TokenError::Claims)),
        ("sub", json!(1), Token(TokenError::Claims)),
    ] {
        let read = ground.id_token(&ground.header("JWT"), &with(claims.clone(), name, value.clone())).await;
        assert_eq!(read.err(), Some(expected), "{name} {value}");
    }
    for typ in ["at+jwt", "logout+jwt", "dpop+jwt"] {
        let read = ground.id_token(&ground.header(typ), &claims).await;
        assert_eq!(read.err(), Some(Token(TokenError::Type)), "{typ}");
    }
    let none = format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims));
    let read = ground.party.id_token(&none, "the nonce", TOKEN, now()).await;
    assert_eq!(read.err(), Some(Token(TokenError::Algorithm)));
    let other = Signer::new("k1", Algorithm::Es256);
    let forged = other.sign(&ground.header("JWT"), &claims);
    let read = ground.party.id_token(&forged, "the nonce", TOKEN, now()).await;
    assert_eq!(read.err(), Some(Token(TokenError::Signature)));
}

#[tokio::test]
async fn a_logout_token_is_no_other_token_and_no_other_is_one() {
    use StatementError::{NoLogout, Token, TooOld};
    let ground = ground();
    let read = async |header: &Value, claims: &Value| {
        ground.party.logout_token(&ground.signer.sign(header, claims), now()).await
    };
    let header = ground.header("logout+jwt");
    let good = read(&header, &logout_claims()).await.expect("a logout token");
    assert_eq!((good.subject.as_deref(), good.session_id.as_deref()), (Some("s-1"), Some("there")));
    assert_eq!(good.token_id, "j-1");
    for name in ["sub", "sid", "exp"] {
        read(&header, &with(logout_claims(), name, Value::Null)).await.expect(name);
    }
    for (name, value, expected) in [
        ("nonce", json!("x"), NoLogout),
        ("events", json!({}), NoLogout),
        ("events", json!({ "http://schemas.openid.net/event/backchannel-logout": true }), NoLogout),
        ("events", Value::Null, Token(TokenError::Claims)),
        ("jti", Value::Null, Token(TokenError::Claims)),
        ("jti", json!(""), Token(TokenError::Claims)),
        ("iat", json!(NOW - 306), TooOld),
        ("iat", json!(NOW + 6), Token(TokenError::NotYetValid)),
        ("exp", json!(NOW - 6), Token(TokenError::Expired)),
        ("aud", json!("other"), Token(TokenError::Audience)),
        ("iss", json!("https://other.example"), Token(TokenError::Issuer)),
    ] {
        let refused = read(&header, &with(logout_claims(), name, value.clone())).await;
        assert_eq!(refused.err(), Some(expected), "{name} {value}");
    }
    let nobody = with(with(logout_claims(), "sub", Value::Null), "sid", Value::Null);
    assert_eq!(read(&header, &nobody).await.err(), Some(Token(TokenError::Claims)));
    assert_eq!(read(&ground.header("at+jwt"), &logout_claims()).await.err(), Some(Token(TokenError::Type)));
    assert_eq!(read(&ground.header("JWT"), &id_claims()).await.err(), Some(Token(TokenError::Claims)));
    let as_id = ground.id_token(&ground.header("JWT"), &logout_claims()).await;
    assert_eq!(as_id.err(), Some(StatementError::Nonce));
}
