//! A provider that answers something else.

use super::*;

/// What becomes of a call, the state and the reason, after the host was spoilt.
async fn spoilt(spoil: impl Fn(&Host)) -> (Result<(), TokenError>, ProviderState, String, Host) {
    let (host, key) = (Host::start().await, signer("a"));
    host.issuer(&[key.jwk()]);
    spoil(&host);
    let world = World::of(&host);
    let called = world.call(&key).await;
    let reason = world.reason().replace(&host.origin, "http://h");
    (called, world.state(), reason, host)
}

async fn refused(spoil: impl Fn(&Host)) -> String {
    let (called, state, reason, _) = spoilt(spoil).await;
    assert_eq!((called, state), (Err(TokenError::KeysUnavailable), ProviderState::Failing), "{reason}");
    reason
}

const PAGE: &str = "<!DOCTYPE html><title>Welcome</title>";

#[tokio::test]
async fn a_page_in_place_of_metadata_or_keys() {
    let metadata = refused(|host| host.answer(METADATA, "200 OK", PAGE)).await;
    let expected =
        format!("the metadata document at http://h{METADATA} is not used: it is a web page, no metadata document");
    assert_eq!(metadata, expected);
    let keys = refused(|host| host.answer("/jwks", "200 OK", PAGE)).await;
    assert_eq!(keys, "http://h/jwks answered a web page in place of its keys");
}

#[tokio::test]
async fn something_huge_in_place_of_metadata_or_keys() {
    let huge = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(300 * 1024));
    let metadata = refused(|host| host.answer(METADATA, "200 OK", &huge)).await;
    assert!(metadata.ends_with("cannot be fetched: the answer is longer than 262144 bytes"), "{metadata}");
    let keys = refused(|host| host.answer("/jwks", "200 OK", &huge)).await;
    assert_eq!(keys, "its keys at http://h/jwks cannot be fetched: the answer is longer than 262144 bytes");
}

#[tokio::test]
async fn the_metadata_of_another_issuer() {
    let other = json!({ "issuer": "https://other.example", "jwks_uri": "https://other.example/jwks" });
    let reason = refused(|host| host.json(METADATA, &other)).await;
    let expected =
        format!("the metadata document at http://h{METADATA} is not used: it is that of \"https://other.example\"");
    assert_eq!(reason, expected);
}

#[tokio::test]
async fn redirects_are_named_and_not_followed() {
    let away = "302 Found\r\nlocation: /trap";
    for path in [METADATA, "/jwks"] {
        let (called, _, reason, host) = spoilt(|host| host.answer(path, away, "")).await;
        assert_eq!(called, Err(TokenError::KeysUnavailable));
        assert!(
            reason.starts_with("http://h") && reason.contains("a redirect (302) to \"/trap\", which is not followed"),
            "{reason}"
        );
        assert_eq!(host.count("/trap"), 0);
    }
}

#[tokio::test]
async fn no_tls_where_there_should_be() {
    let host = Host::start().await;
    let world = World::with(config(&host.origin.replace("http:", "https:")), client());
    assert_eq!(world.call(&signer("a")).await, Err(TokenError::KeysUnavailable));
    assert!(
        world.reason().ends_with("cannot be fetched: the host does not speak TLS at this port"),
        "{}",
        world.reason()
    );
}

#[tokio::test]
async fn junk_and_errors_in_place_of_keys() {
    assert_eq!(
        refused(|host| host.answer("/jwks", "500 Oops", "")).await,
        "http://h/jwks answered 500 in place of its keys"
    );
    let junk = refused(|host| host.answer("/jwks", "200 OK", "[]")).await;
    assert!(junk.starts_with("the answer of http://h/jwks is not used: not a JWK Set (RFC 7517 §5)"), "{junk}");
    let none = refused(|host| host.answer("/jwks", "200 OK", r#"{"keys":[]}"#)).await;
    assert_eq!(none, "the key set at http://h/jwks has no key that could be used");
}

#[tokio::test]
async fn what_serves_goes_on_through_all_of_it() {
    let (host, key) = (Host::start().await, signer("a"));
    host.issuer(&[key.jwk()]);
    let world = World::of(&host);
    assert_eq!(world.call(&key).await, Ok(()));
    for (head, body) in
        [("200 OK", PAGE), ("200 OK", r#"{"keys":[]}"#), ("302 Found\r\nlocation: /x", ""), ("500 Oops", "")]
    {
        host.answer("/jwks", head, body);
        world.seconds_pass(700);
        assert_eq!(world.call(&key).await, Ok(()), "{head}");
        until(|| world.state() == ProviderState::Stale).await;
        host.issuer(&[key.jwk()]);
        world.seconds_pass(10);
        assert_eq!(world.call(&key).await, Ok(()));
        until(|| world.state() == ProviderState::Ready).await;
    }
}
