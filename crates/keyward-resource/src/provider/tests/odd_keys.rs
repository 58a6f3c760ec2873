//! Key sets that are one, and odd.

use super::*;

#[tokio::test]
async fn an_id_of_two_keys_names_neither() {
    let (host, first, second, other) = (Host::start().await, signer("twice"), signer("twice"), signer("other"));
    host.issuer(&[first.jwk(), second.jwk(), other.jwk()]);
    let world = World::of(&host);
    for key in [&first, &second] {
        assert_eq!(world.call(key).await, Err(TokenError::Key));
    }
    assert_eq!((world.call(&other).await, world.state()), (Ok(()), ProviderState::Impaired));
    let expected = "several of its keys have the id \"twice\": tokens that name it are refused";
    assert_eq!(world.reason(), expected);
}

#[tokio::test]
async fn the_same_key_twice_is_one() {
    let (host, key) = (Host::start().await, signer("a"));
    host.issuer(&[key.jwk(), key.jwk()]);
    let world = World::of(&host);
    assert_eq!((world.call(&key).await, world.reason()), (Ok(()), String::new()));
    assert_eq!(world.provider.status().usable_keys, 1);
}

#[tokio::test]
async fn one_id_for_keys_of_two_algorithms_is_clear() {
    let (host, ed, es) = (Host::start().await, signer("a"), Signer::new("a", Algorithm::Es256));
    host.issuer(&[ed.jwk(), es.jwk()]);
    let world = World::of(&host);
    assert_eq!((world.call(&ed).await, world.call(&es).await), (Ok(()), Ok(())));
    assert_eq!(world.reason(), "");
}

#[tokio::test]
async fn a_key_without_an_id_serves_tokens_without_one() {
    let (host, key) = (Host::start().await, signer("a"));
    let mut jwk = key.jwk();
    jwk.as_object_mut().expect("an object").remove("kid");
    host.issuer(&[jwk]);
    let world = World::of(&host);
    let mut header = key.header();
    header.as_object_mut().expect("an object").remove("kid");
    let mut claims = claims();
    claims["iss"] = host.origin.as_str().into();
    assert!(world.verify(&key.sign(&header, &claims)).await.is_ok());
    assert_eq!(world.call(&key).await, Err(TokenError::Key), "a token that names a key means that one");
    assert_eq!((world.state(), world.reason()), (ProviderState::Ready, String::new()), "as RFC 7517 has it");
}

#[tokio::test]
async fn a_key_without_an_id_beside_others_serves_nobody() {
    let (host, named, nameless) = (Host::start().await, signer("a"), signer("none"));
    let mut jwk = nameless.jwk();
    jwk.as_object_mut().expect("an object").remove("kid");
    host.issuer(&[named.jwk(), jwk, Signer::new("b", Algorithm::Es256).jwk()]);
    let world = World::of(&host);
    assert_eq!((world.call(&named).await, world.state()), (Ok(()), ProviderState::Impaired));
    let expected = "not all of its keys for EdDSA have an id: nothing is verified with those without";
    assert_eq!(world.reason(), expected);
    let mut header = nameless.header();
    header.as_object_mut().expect("an object").remove("kid");
    let mut claims = claims();
    claims["iss"] = host.origin.as_str().into();
    let token = nameless.sign(&header, &claims);
    assert_eq!(world.verify(&token).await.map(drop), Err(TokenError::Key), "who knows which it means");
}

#[tokio::test]
async fn of_ten_thousand_keys_the_first_serve_and_none_is_denied() {
    let (host, first, last, template) = (Host::start().await, signer("first"), signer("last"), signer("x").jwk());
    let mut jwks = vec![first.jwk()];
    for number in 0..9_998 {
        let mut jwk = template.clone();
        jwk["kid"] = number.to_string().into();
        jwks.push(jwk);
    }
    jwks.push(last.jwk());
    host.issuer(&jwks);
    let generous = client_with(&ClientConfig { max_body_bytes: 4 << 20, ..ClientConfig::default() });
    let world = World::with(config(&host.origin), generous);
    assert_eq!(world.call(&first).await, Ok(()));
    assert_eq!(world.call(&last).await, Err(TokenError::KeysUnavailable), "it may be among those left out");
    assert_eq!(world.reason(), "its key set has 10000 keys, of which only the first 1024 are taken");
    assert_eq!(world.state(), ProviderState::Impaired);
}

#[tokio::test]
async fn an_algorithm_that_changed_overnight_is_named() {
    let (host, before, after) = (Host::start().await, signer("a"), Signer::new("b", Algorithm::Es256));
    host.issuer(&[before.jwk()]);
    let config = ProviderConfig { algorithms: vec![Algorithm::EdDsa], ..config(&host.origin) };
    let world = World::with(config, client());
    assert_eq!(world.call(&before).await, Ok(()));
    host.issuer(&[after.jwk()]);
    world.seconds_pass(700);
    world.provider.start();
    until(|| world.state() == ProviderState::Failing).await;
    assert_eq!(world.reason(), "its keys are for ES256, and only EdDSA is accepted from it");
    assert_eq!(
        world.call(&after).await,
        Err(TokenError::Algorithm),
        "an algorithm is not taken because a token says so"
    );
    assert_eq!(world.call(&before).await, Err(TokenError::Key), "a key that was taken back does not come again");
}

#[tokio::test]
async fn a_clock_that_is_minutes_off_is_named() {
    let (host, key) = (Host::start().await, signer("a"));
    host.issuer(&[key.jwk()]);
    // 2027-01-15T08:00:00Z is the world's now.
    let body = json!({ "keys": [key.jwk()] }).to_string();
    host.answer("/jwks", "200 OK\r\ndate: Fri, 15 Jan 2027 08:04:00 GMT", &body);
    let world = World::of(&host);
    let mut early = claims();
    early["iss"] = host.origin.as_str().into();
    early["iat"] = (NOW + 240).into();
    let refused = world.verify(&key.sign(&key.header(), &early)).await.expect_err("its time is to come");
    assert_eq!(refused, TokenError::NotYetValid);
    assert_eq!(refused.description(), "The access token is not valid yet; check the clocks.");
    assert_eq!(world.state(), ProviderState::Impaired);
    assert_eq!(world.reason(), "its clock is about 4 min ahead of the clock here: set both by NTP");
    assert_eq!(world.provider.status().clock_ahead_seconds, Some(240));
    host.answer("/jwks", "200 OK\r\ndate: Fri, 15 Jan 2027 08:00:00 GMT\r\nage: 700", &body);
    world.seconds_pass(700);
    assert_eq!(world.call(&key).await, Ok(()));
    until(|| world.provider.status().clock_ahead_seconds == Some(0)).await;
    assert_eq!(world.reason(), "");
}
