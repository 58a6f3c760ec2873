//! What is remembered, for how long, and what makes it forgotten.

use keyward_core::clock::Timestamp;
use keyward_core::id::GrantId;
use serde_json::json;

use super::*;
use crate::Revoked;

const GRANT: &str = "0190b0a0-0000-7000-8000-000000000001";

fn grant() -> GrantId {
    GRANT.parse().expect("a grant id")
}

#[tokio::test]
async fn a_verified_token_is_remembered_for_its_own_resource_only() {
    let signer = es256();
    let world = World::new(vec![issuer(ISSUER, &[&signer])]);
    let token = signer.token();
    assert!(!world.cached(&token));
    let principal = world.verify(&token).await.expect("a principal");
    assert!(Arc::ptr_eq(&principal, &world.verify(&token).await.expect("the same")));

    let other = protected(OTHER_RESOURCE);
    assert_eq!(world.verifier.try_cached(&token, &other), None);
    assert_eq!(world.verifier.verify(&token, &other).await, Err(TokenError::Audience));
    assert!(world.cached(&token), "another resource's refusal is not this one's");
}

#[tokio::test]
async fn a_token_for_two_resources_is_remembered_for_each() {
    let signer = es256();
    let world = World::new(vec![issuer(ISSUER, &[&signer])]);
    let token = signer.token_with("aud", json!([RESOURCE, OTHER_RESOURCE]));
    let other = protected(OTHER_RESOURCE);
    assert!(world.verify(&token).await.is_ok() && world.verifier.verify(&token, &other).await.is_ok());
    assert!(world.cached(&token) && world.verifier.try_cached(&token, &other).is_some());
}

#[tokio::test]
async fn no_neighbour_of_a_remembered_token_is_let_in() {
    let signer = es256();
    let world = World::new(vec![issuer(ISSUER, &[&signer])]);
    let token = signer.token();
    world.verify(&token).await.expect("a principal");
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        assert!(!world.cached(&changed), "{at}");
        assert!(world.verify(&changed).await.is_err(), "{at}");
    }
    for changed in [&token[1..], &token[..token.len() - 1], &format!("{token}A"), &format!("{token}.")] {
        assert!(!world.cached(changed) && world.verify(changed).await.is_err());
    }
    assert!(world.cached(&token));
}

#[tokio::test]
async fn remembering_ends_with_the_token() {
    let signer = es256();
    let world = World::new(vec![issuer(ISSUER, &[&signer])]);
    let token = signer.token_with("exp", (NOW + 10).into());
    world.verify(&token).await.expect("a principal");
    world.clock.advance(Duration::from_secs(14));
    assert!(world.cached(&token), "within the leeway");
    world.clock.advance(Duration::from_secs(1));
    assert!(!world.cached(&token));
    assert_eq!(world.verify(&token).await, Err(TokenError::Expired));
}

#[tokio::test]
async fn a_look_is_taken_anew_from_time_to_time() {
    let signer = es256();
    let world = World::new(vec![issuer(ISSUER, &[&signer])]);
    let token = signer.token();
    world.verify(&token).await.expect("a principal");
    world.clock.advance(Duration::from_secs(299));
    assert!(world.cached(&token));
    world.clock.advance(Duration::from_secs(1));
    assert!(!world.cached(&token));
    assert!(world.verify(&token).await.is_ok() && world.cached(&token));
}

#[tokio::test]
async fn what_was_remembered_before_the_clock_was_set_back_is_forgotten() {
    let signer = es256();
    let world = World::new(vec![issuer(ISSUER, &[&signer])]);
    let (good, ended) = (signer.token(), signer.token_with("exp", (NOW - 100).into()));
    assert!(world.verify(&good).await.is_ok() && world.cached(&good));
    assert_eq!(world.verify(&ended).await, Err(TokenError::Expired));
    world.clock.set(Timestamp::from_seconds(NOW - 86_400));
    assert!(!world.cached(&good), "it would serve for as long as the clock takes to catch up");
    assert_eq!(world.verify(&good).await, Err(TokenError::NotYetValid));
    assert_eq!(world.verify(&ended).await, Err(TokenError::NotYetValid));
}

#[tokio::test]
async fn an_ended_grant_ends_its_remembered_tokens_at_once() {
    let signer = es256();
    let revocations = Revocations::default();
    let world = World::with(VerifierConfig {
        issuers: vec![issuer(ISSUER, &[&signer])],
        revocations: revocations.clone(),
        ..VerifierConfig::default()
    });
    let token = signer.token_with("grant_id", GRANT.into());
    let untouched = signer.token_with("jti", "token-2".into());
    for token in [&token, &untouched] {
        world.verify(token).await.expect("a principal");
    }

    revocations.replace(Revoked { grants: [grant()].into(), ..Revoked::default() });
    assert!(!world.cached(&token));
    assert_eq!(world.verify(&token).await, Err(TokenError::Revoked));
    assert!(world.cached(&untouched), "others are not verified again");

    revocations.replace(Revoked::default());
    assert!(world.verify(&token).await.is_ok(), "a refusal for revocation is not remembered");
}

#[tokio::test]
async fn a_single_token_is_revoked_by_its_id() {
    let signer = es256();
    let revocations = Revocations::default();
    let own = issuer(ISSUER, &[&signer]);
    let foreign = TrustedIssuer { issuer: OTHER_ISSUER.into(), own: false, ..own.clone() };
    let world = World::with(VerifierConfig {
        issuers: vec![own, foreign],
        revocations: revocations.clone(),
        ..VerifierConfig::default()
    });
    revocations.replace(Revoked { token_ids: ["token-1".to_owned()].into(), ..Revoked::default() });
    let token = signer.token_with("grant_id", GRANT.into());
    assert_eq!(world.verify(&token).await, Err(TokenError::Revoked));
    let theirs = signer.token_with("iss", OTHER_ISSUER.into());
    assert!(world.verify(&theirs).await.is_ok(), "ids are unique within an issuer only");
}

#[tokio::test]
async fn invalidation_forgets_and_a_removed_key_no_longer_serves() {
    let signer = es256();
    let trusted = issuer(ISSUER, &[&signer]);
    let KeySource::Local(keys) = trusted.keys.clone() else { panic!("local keys") };
    let world = World::new(vec![trusted]);
    let token = signer.token();
    world.verify(&token).await.expect("a principal");
    keys.store(Arc::new(key_set(&[])));
    world.verifier.invalidate();
    assert!(!world.cached(&token));
    assert_eq!(world.verify(&token).await, Err(TokenError::Key));
    keys.store(Arc::new(key_set(&[signer.jwk()])));
    assert!(world.verify(&token).await.is_ok(), "an unknown key is not remembered");
}

#[tokio::test]
async fn refusals_are_remembered_briefly_and_apart() {
    let (signer, stranger) = (es256(), es256());
    let trusted = issuer(ISSUER, &[&signer]);
    let KeySource::Local(keys) = trusted.keys.clone() else { panic!("local keys") };
    let world = World::new(vec![trusted]);
    let token = stranger.token();
    assert_eq!(world.verify(&token).await, Err(TokenError::Signature));
    keys.store(Arc::new(key_set(&[stranger.jwk()])));
    assert_eq!(world.verify(&token).await, Err(TokenError::Signature), "remembered");
    world.clock.advance(Duration::from_secs(5));
    assert!(world.verify(&token).await.is_ok(), "and forgotten");
}

#[tokio::test]
async fn junk_does_not_push_out_what_is_good() {
    let signer = es256();
    let world = World::with(VerifierConfig {
        issuers: vec![issuer(ISSUER, &[&signer])],
        accepted_bytes: 16_384,
        refused_bytes: 16_384,
        ..VerifierConfig::default()
    });
    let token = signer.token();
    world.verify(&token).await.expect("a principal");
    for number in 0..1_000 {
        assert!(world.verify(&format!("{token}{number}")).await.is_err());
    }
    assert!(world.cached(&token));
    for number in 0..200 {
        world.verify(&signer.token_with("jti", number.into())).await.expect_err("a jti is a text");
        world.verify(&signer.token_with("jti", number.to_string().into())).await.expect("a principal");
    }
    let (accepted, refused) = world.verifier.cache.weights();
    assert!(accepted <= 16_384 && refused <= 16_384, "{accepted} {refused}");
}
