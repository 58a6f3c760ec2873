//! A provider that is not there, or not for a while.

use super::*;

#[tokio::test]
async fn a_provider_that_is_down_at_the_start_is_found_when_it_comes() {
    let (key, listener) = (signer("a"), tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port"));
    let free = listener.local_addr().expect("its address").to_string();
    drop(listener);
    let world = World::with(config(&format!("http://{free}")), client());
    world.provider.start();
    until(|| world.state() == ProviderState::Failing).await;
    assert_eq!(world.call(&key).await, Err(TokenError::KeysUnavailable));
    let reason = world.reason();
    assert!(
        reason.contains("/.well-known/")
            && reason.contains("cannot be fetched: no connection to the host: Connection refused"),
        "{reason}"
    );
    assert_eq!(world.provider.status().usable_keys, 0);
    let host = Host::at(&free).await;
    host.issuer(&[key.jwk()]);
    until(|| world.state() == ProviderState::Ready).await;
    assert_eq!((world.call(&key).await, world.reason()), (Ok(()), String::new()));
}

#[tokio::test]
async fn the_last_good_keys_serve_for_as_long_as_is_configured() {
    let (host, key, new) = (Host::start().await, signer("a"), signer("new"));
    host.issuer(&[key.jwk()]);
    let config = ProviderConfig { max_stale: Duration::from_secs(3 * 3600), ..config(&host.origin) };
    let world = World::with(config, client());
    assert_eq!(world.call(&key).await, Ok(()));
    host.answer("/jwks", "503 Service Unavailable", "");
    host.answer(METADATA, "503 Service Unavailable", "");
    world.seconds_pass(3 * 3600 - 1);
    assert_eq!(world.call(&new).await, Err(TokenError::KeysUnavailable), "who knows whether it is new");
    assert_eq!((world.call(&key).await, world.state()), (Ok(()), ProviderState::Stale));
    assert!(
        world.reason().contains("jwks answered 503") && world.reason().contains("(status 503)"),
        "{}",
        world.reason()
    );
    world.seconds_pass(1);
    assert_eq!((world.call(&key).await, world.state()), (Err(TokenError::KeysUnavailable), ProviderState::Failing));
    host.issuer(&[key.jwk()]);
    world.seconds_pass(10);
    assert_eq!((world.call(&key).await, world.state()), (Ok(()), ProviderState::Ready));
}

#[tokio::test]
async fn keys_last_no_longer_because_the_clock_was_set_back() {
    let (host, key) = (Host::start().await, signer("a"));
    host.issuer(&[key.jwk()]);
    let config = ProviderConfig { max_stale: Duration::from_secs(3600), ..config(&host.origin) };
    let world = World::with(config, client());
    assert_eq!(world.call(&key).await, Ok(()));
    host.answer("/jwks", "500 Oops", "");
    world.clock.set(Timestamp::from_seconds(NOW - 3600));
    assert_eq!(world.call(&key).await, Ok(()));
    until(|| world.state() == ProviderState::Stale).await;
    world.clock.set(Timestamp::from_seconds(NOW - 3601));
    assert_eq!(world.call(&key).await, Err(TokenError::KeysUnavailable));
    host.issuer(&[key.jwk()]);
    world.seconds_pass(10);
    assert_eq!(world.call(&key).await, Ok(()));
    until(|| world.state() == ProviderState::Ready).await;
}

#[tokio::test]
async fn calls_do_not_wait_for_a_slow_provider_for_ever() {
    let (host, key, new) = (Host::start().await, signer("a"), signer("new"));
    host.issuer(&[key.jwk()]);
    host.hold_back(true);
    let config = ProviderConfig { patience: Duration::from_millis(20), ..config(&host.origin) };
    let world = World::with(config, client());
    assert_eq!(world.call(&key).await, Err(TokenError::KeysUnavailable));
    // What was begun goes on without the call.
    host.hold_back(false);
    until(|| world.state() == ProviderState::Ready).await;
    assert_eq!((world.call(&key).await, host.count("/jwks")), (Ok(()), 1));
    host.hold_back(true);
    world.seconds_pass(10);
    assert_eq!(world.call(&new).await, Err(TokenError::KeysUnavailable), "it may come yet");
    assert_eq!(world.call(&key).await, Ok(()), "who has a known key does not wait");
}

#[tokio::test]
async fn a_provider_that_never_answers_is_given_up() {
    let host = Host::start().await;
    host.hold_back(true);
    let impatient = client_with(&ClientConfig { deadline: Duration::from_millis(20), ..ClientConfig::default() });
    let world = World::with(config(&host.origin), impatient);
    assert_eq!(world.call(&signer("a")).await, Err(TokenError::KeysUnavailable));
    assert_eq!(world.state(), ProviderState::Failing);
    assert!(world.reason().ends_with("cannot be fetched: no complete answer in time"), "{}", world.reason());
    assert!(host.requests().len() <= 1, "nor asked at its other places");
}
