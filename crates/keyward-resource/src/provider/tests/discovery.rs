//! Where keys are found, and how that is kept.

use super::*;

#[tokio::test]
async fn keys_are_found_when_the_first_token_comes() {
    let (host, key) = (Host::start().await, signer("a"));
    host.issuer(&[key.jwk()]);
    let world = World::of(&host);
    assert_eq!((world.state(), world.provider.metadata().is_none()), (ProviderState::Waiting, true));
    assert_eq!(world.call(&key).await, Ok(()));
    assert_eq!(world.call(&key).await, Ok(()));
    assert_eq!((host.count(METADATA), host.count("/jwks")), (1, 1));
    let status = world.provider.status();
    assert_eq!((status.state, status.reason, status.usable_keys), (ProviderState::Ready, None, 1));
    assert_eq!((status.fetches_ok, status.fetches_failed), (2, 0));
    assert_eq!(status.last_success, Some(Timestamp::from_seconds(NOW)));
    let metadata = world.provider.metadata().expect("metadata");
    assert_eq!(metadata.issuer, host.origin);
    assert!(metadata.document.starts_with(b"{"));
}

#[tokio::test]
async fn a_configured_key_set_needs_no_metadata() {
    let (host, key) = (Host::start().await, signer("a"));
    host.json("/keys", &json!({ "keys": [key.jwk()] }));
    let config = ProviderConfig { jwks_uri: Some(host.url("/keys")), ..config("https://issuer.example") };
    let world = World::with(config, client());
    world.provider.start();
    until(|| world.state() == ProviderState::Ready).await;
    assert_eq!(world.call(&key).await, Ok(()));
    assert_eq!(host.requests().len(), 1);
}

#[tokio::test]
async fn where_people_log_in_keys_alone_do_not_do() {
    let (host, key) = (Host::start().await, signer("a"));
    host.json("/keys", &json!({ "keys": [key.jwk()] }));
    let jwks_uri = Some(host.url("/keys"));
    let config = ProviderConfig { jwks_uri, endpoints_needed: true, ..config(&host.origin) };
    let world = World::with(config, client());
    assert_eq!((world.call(&key).await, world.state()), (Ok(()), ProviderState::Waiting));
    world.provider.start();
    until(|| world.state() == ProviderState::Failing).await;
    assert!(world.reason().contains("there is no metadata document"), "{}", world.reason());
    host.json(OPENID, &openid(&host));
    until(|| world.state() == ProviderState::Ready).await;
    assert_eq!(host.count("/jwks"), 0);
}

const OPENID: &str = "/.well-known/openid-configuration";

/// Of a provider at which people can log in.
fn openid(host: &Host) -> serde_json::Value {
    let url = |path| host.url(path).to_string();
    json!({
        "issuer": host.origin, "jwks_uri": url("/jwks"), "authorization_endpoint": url("/authorize"),
        "token_endpoint": url("/token"), "code_challenge_methods_supported": ["S256"],
    })
}

#[tokio::test]
async fn where_people_log_in_the_openid_document_says_where_keys_are() {
    let (host, key) = (Host::start().await, signer("a"));
    let mut without_keys = openid(&host);
    without_keys.as_object_mut().expect("an object").remove("jwks_uri");
    host.json(METADATA, &without_keys);
    host.json(OPENID, &openid(&host));
    host.json("/jwks", &json!({ "keys": [key.jwk()] }));
    let world = World::with(ProviderConfig { endpoints_needed: true, ..config(&host.origin) }, client());
    assert_eq!((world.call(&key).await, world.state()), (Ok(()), ProviderState::Ready));
    assert_eq!(host.count(METADATA), 0);
}

#[tokio::test]
async fn where_nobody_can_log_in_nothing_is_ready() {
    for (name, value, reason) in [
        ("authorization_endpoint", json!(null), "it has no authorization_endpoint"),
        ("token_endpoint", json!(null), "it has no token_endpoint"),
        ("code_challenge_methods_supported", json!(["plain"]), "it does not take PKCE by S256"),
    ] {
        let (host, key) = (Host::start().await, signer("a"));
        host.json("/jwks", &json!({ "keys": [key.jwk()] }));
        let mut odd = openid(&host);
        odd[name] = value;
        host.json(OPENID, &odd);
        let jwks_uri = Some(host.url("/jwks"));
        let config = ProviderConfig { jwks_uri, endpoints_needed: true, ..config(&host.origin) };
        let world = World::with(config, client());
        world.provider.start();
        until(|| world.state() == ProviderState::Failing).await;
        until(|| world.provider.status().usable_keys == 1).await;
        assert_eq!(world.state(), ProviderState::Failing, "{name}");
        assert!(world.reason().contains(reason), "{}", world.reason());
        host.json(OPENID, &openid(&host));
        until(|| world.state() == ProviderState::Ready).await;

        // That there is no document for a while says nothing; what a document says does.
        host.answer(OPENID, "503 Service Unavailable", "");
        world.seconds_pass(3600);
        assert!(world.provider.fetch_metadata().await.is_ok());
        assert_eq!(world.state(), ProviderState::Stale, "{name}");
        host.json(OPENID, &odd);
        world.seconds_pass(60);
        assert!(world.provider.fetch_metadata().await.is_err());
        assert_eq!(world.state(), ProviderState::Failing, "{name}");
    }
}

#[tokio::test]
async fn metadata_may_be_where_the_operator_says() {
    let (host, key) = (Host::start().await, signer("a"));
    host.json("/else", &json!({ "issuer": "https://issuer.example", "jwks_uri": host.url("/jwks").as_str() }));
    host.json("/jwks", &json!({ "keys": [key.jwk()] }));
    let config = ProviderConfig { metadata_url: Some(host.url("/else")), ..config("https://issuer.example") };
    assert_eq!(World::with(config, client()).call(&key).await, Ok(()));
}

#[tokio::test]
async fn a_changed_jwks_uri_is_followed_when_a_key_is_missing() {
    let (host, old, new) = (Host::start().await, signer("old"), signer("new"));
    host.issuer(&[old.jwk()]);
    let world = World::of(&host);
    assert_eq!(world.call(&old).await, Ok(()));
    // The old place goes on answering.
    host.json(METADATA, &json!({ "issuer": host.origin, "jwks_uri": host.url("/moved").as_str() }));
    host.json("/moved", &json!({ "keys": [new.jwk()] }));
    world.seconds_pass(60);
    assert_eq!(world.call(&new).await, Ok(()));
    assert_eq!(world.call(&old).await, Err(TokenError::Key), "its issuer has taken it back");
}

#[tokio::test]
async fn a_changed_jwks_uri_is_followed_when_the_old_one_is_gone() {
    let (host, key) = (Host::start().await, signer("a"));
    host.issuer(&[key.jwk()]);
    let world = World::of(&host);
    assert_eq!(world.call(&key).await, Ok(()));
    host.json(METADATA, &json!({ "issuer": host.origin, "jwks_uri": host.url("/moved").as_str() }));
    host.json("/moved", &json!({ "keys": [key.jwk()] }));
    host.answer("/jwks", "410 Gone", "");
    // Past the point at which they are refreshed ahead, by the background.
    world.seconds_pass(700);
    world.provider.start();
    until(|| host.count("/moved") > 0).await;
    until(|| world.state() == ProviderState::Ready).await;
    assert_eq!(world.call(&key).await, Ok(()));
}

#[tokio::test]
async fn metadata_without_keys_is_no_way_to_keys() {
    let host = Host::start().await;
    host.json(METADATA, &json!({ "issuer": host.origin }));
    let world = World::of(&host);
    assert_eq!(world.call(&signer("a")).await, Err(TokenError::KeysUnavailable));
    assert_eq!((world.state(), world.reason().as_str()), (ProviderState::Failing, "its metadata names no jwks_uri"));
}

#[tokio::test]
async fn the_background_keeps_keys_fresh_and_ends_with_the_provider() {
    let (host, key) = (Host::start().await, signer("a"));
    host.issuer(&[key.jwk()]);
    let world = World::of(&host);
    world.provider.start();
    world.provider.start();
    until(|| world.provider.status().next_try.is_some()).await;
    assert_eq!((world.state(), host.count(METADATA), host.count("/jwks")), (ProviderState::Ready, 1, 1));
    // Three quarters of a quarter of an hour, and no sooner.
    let next = world.provider.status().next_try.expect("a next time");
    assert!(next >= Timestamp::from_seconds(NOW + 675) && next < Timestamp::from_seconds(NOW + 676), "{next}");
    let inner = Arc::downgrade(&world.provider.0);
    drop(world);
    until(|| inner.upgrade().is_none()).await;
}

#[tokio::test]
async fn who_asks_for_the_metadata_waits_no_longer_than_a_call() {
    let (host, key) = (Host::start().await, signer("a"));
    host.issuer(&[key.jwk()]);
    host.hold_back(true);
    let config = ProviderConfig { patience: Duration::from_millis(1), ..config(&host.origin) };
    let world = World::with(config, client());
    assert_eq!(world.provider.fetch_metadata().await.err().as_deref(), Some("its metadata is not there yet"));
    host.hold_back(false);
    // The search went on without them.
    until(|| world.provider.metadata().is_some()).await;
    assert!(world.provider.fetch_metadata().await.is_ok());
}
