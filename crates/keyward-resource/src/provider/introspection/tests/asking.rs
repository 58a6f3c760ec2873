//! How the issuer is asked, and what becomes of it when it does not answer.

use super::*;

#[tokio::test]
async fn the_request_is_that_of_rfc_7662() {
    let world = World::start().await;
    assert_eq!(world.ask("opaque+/token").await, Ok(()));
    let requests = world.host.requests();
    let request =
        requests.iter().find(|request| request.starts_with("POST /introspect HTTP/1.1\r\n")).expect("a request");
    // base64 of key+ward:s%3Ae+cret
    assert!(request.contains("\r\nauthorization: Basic a2V5K3dhcmQ6cyUzQWUrY3JldA==\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\ntoken=opaque%2B%2Ftoken&token_type_hint=access_token"), "{request}");
}

#[tokio::test]
async fn the_secret_goes_into_the_body_where_the_issuer_or_the_operator_wants_it() {
    let by_metadata = World::start().await;
    by_metadata.host.json(
        METADATA,
        &json!({
            "issuer": by_metadata.host.origin, "introspection_endpoint": by_metadata.host.url(INTROSPECT).as_str(),
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "introspection_endpoint_auth_methods_supported": ["client_secret_post"],
        }),
    );
    let by_operator = World::with(|config| config.authentication = Some(ClientAuthentication::Post)).await;
    for world in [by_metadata, by_operator] {
        assert_eq!(world.ask("t").await, Ok(()));
        let request = world.host.requests().pop().expect("a request");
        assert!(request.ends_with("&client_id=key+ward&client_secret=s%3Ae+cret"), "{request}");
        assert!(!request.contains("authorization:"), "{request}");
    }
}

#[tokio::test]
async fn a_configured_endpoint_needs_no_metadata() {
    let world = World::start().await;
    let mut introspection = IntrospectionConfig::of("c", Secret::from_text("s".to_owned()));
    introspection.endpoint = Some(world.host.url(INTROSPECT));
    let jwks_uri = Some(world.host.url("/jwks"));
    let config =
        ProviderConfig { introspection: Some(introspection), jwks_uri, ..ProviderConfig::of("https://issuer.example") };
    let provider = Provider::new(config, client(), Clock::Manual(world.clock.clone()));
    assert!(provider.introspection().expect("it is configured").ask("t").await.is_ok());
    assert_eq!(world.host.requests().len(), 1);
}

#[tokio::test]
async fn an_issuer_of_opaque_tokens_needs_no_keys() {
    let world = World::start().await;
    assert_eq!(world.provider.status().state, ProviderState::Waiting);
    assert_eq!(world.ask("t").await, Ok(()));
    let status = world.provider.status();
    assert_eq!((status.state, status.reason), (ProviderState::Ready, None));
}

#[tokio::test]
async fn no_usable_answer_is_our_side_and_not_the_tokens() {
    let world = World::start().await;
    let page = "<!DOCTYPE html>";
    for (head, body, reason) in [
        ("500 Oops", "", "its introspection endpoint answered 500"),
        ("404 Not Found", "", "its introspection endpoint answered 404"),
        ("400 Bad Request", "", "its introspection endpoint answered 400"),
        (
            "400 Bad Request",
            r#"{"error":"invalid_client"}"#,
            "it refuses the client id and secret by which it is asked about tokens (status 400)",
        ),
        ("302 Found\r\nlocation: /trap", "", "its introspection endpoint answered 302"),
        (
            "401 Unauthorized",
            "{}",
            "it refuses the client id and secret by which it is asked about tokens (status 401)",
        ),
        ("200 OK", page, "its introspection endpoint gave no answer of RFC 7662"),
        ("200 OK", r#"{"active":"true"}"#, "its introspection endpoint gave no answer of RFC 7662"),
    ] {
        world.host.answer(INTROSPECT, head, body);
        let refused = world.call("t").await.expect_err(head);
        assert_eq!((refused, refused.status().as_u16()), (TokenError::IntrospectionUnavailable, 503), "{head}");
        let status = world.provider.status();
        assert_eq!((status.state, status.reason.as_deref()), (ProviderState::Impaired, Some(reason)), "{head}");
        assert_eq!(status.introspection.expect("it is configured").reason.as_deref(), Some(reason));
        world.seconds_pass(1);
    }
    assert_eq!(world.host.count("/trap"), 0);
    world.says(&good());
    assert!(world.call("t").await.is_ok());
    let status = world.provider.status();
    let introspection = status.introspection.expect("it is configured");
    assert_eq!((introspection.answered, introspection.failed, introspection.reason), (1, 8, None));
    assert_eq!((status.state, status.reason), (ProviderState::Ready, None));
}

#[tokio::test]
async fn after_failures_with_several_tokens_nobody_asks_about_new_ones_for_a_moment() {
    let world = World::start().await;
    assert_eq!(world.ask("good").await, Ok(()));
    world.seconds_pass(60);
    world.host.answer(INTROSPECT, "503 Service Unavailable", "");
    for token in ["a", "a", "b", "b", "c", "d", "e"] {
        assert_eq!(world.ask(token).await, Err(TokenError::IntrospectionUnavailable));
    }
    assert_eq!(world.asked(), 6);
    world.says(&good());
    assert_eq!(world.ask("d").await, Err(TokenError::IntrospectionUnavailable));
    assert_eq!((world.ask("good").await, world.asked()), (Ok(()), 7), "it was good before");
    assert_eq!(world.ask("d").await, Err(TokenError::IntrospectionUnavailable), "until the pause is over");
    world.seconds_pass(1);
    assert_eq!((world.ask("d").await, world.asked()), (Ok(()), 8));
}

#[tokio::test]
async fn a_token_that_the_issuer_stumbles_over_holds_up_nobody_else() {
    let world = World::start().await;
    for (head, tokens) in [
        ("500 Oops", &["x", "x", "x", "x"][..]),
        ("403 Forbidden", &["a", "b", "c", "d"]),
        ("413 Content Too Large", &["a", "b", "c", "d"]),
        ("429 Too Many Requests", &["a", "b", "c", "d"]),
    ] {
        world.host.answer(INTROSPECT, head, "");
        for token in tokens {
            assert_eq!(world.ask(token).await, Err(TokenError::IntrospectionUnavailable), "{head}");
        }
        world.says(&good());
        assert_eq!(world.ask(head).await, Ok(()), "{head}");
    }
}

#[tokio::test]
async fn a_text_that_the_issuer_takes_for_no_token_is_the_callers_fault() {
    let world = World::start().await;
    for error in ["invalid_token", "invalid_request", "unsupported_token_type"] {
        world.host.answer(INTROSPECT, "400 Bad Request", &json!({ "error": error }).to_string());
        assert_eq!(world.ask(error).await, Err(TokenError::Inactive));
    }
    world.says(&good());
    assert_eq!(world.ask("t").await, Ok(()), "and holds up nobody else");
    assert_eq!(world.provider.status().introspection.expect("it is configured").failed, 0);
}

#[tokio::test]
async fn an_issuer_that_cannot_be_found_is_503() {
    let world = World::start().await;
    world.host.answer(METADATA, "500 Oops", "");
    assert_eq!(world.ask("t").await, Err(TokenError::IntrospectionUnavailable));
    let reason = world.provider.status().introspection.and_then(|it| it.reason).expect("a reason");
    assert!(reason.contains("there is no metadata document"), "{reason}");
}

#[tokio::test]
async fn many_calls_with_one_token_ask_once() {
    let world = World::start().await;
    world.host.hold_back(true);
    let all = async {
        let calls = (0..20).map(|_| world.ask("t"));
        futures_util::future::join_all(calls).await
    };
    let release = async {
        while world.host.count(METADATA) == 0 {
            tokio::task::yield_now().await;
        }
        world.host.hold_back(false);
    };
    let (answers, ()) = tokio::join!(all, release);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_the_answer_to_the_others() {
    let world = World::start().await;
    world.host.hold_back(true);
    let reached = async {
        while world.host.count(METADATA) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = world.ask("t") => panic!("it was to hang up before the answer"),
        () = reached => {}
    }
    world.host.hold_back(false);
    assert_eq!((world.ask("t").await, world.asked()), (Ok(()), 1));
}

#[tokio::test]
async fn no_more_tokens_are_asked_about_at_once_than_is_configured() {
    let world = World::with(|config| config.max_in_flight = 2).await;
    assert_eq!(world.ask("good").await, Ok(()));
    world.seconds_pass(60);
    world.host.hold_back(true);
    let first = async { tokio::join!(world.ask("a"), world.ask("b"), world.ask("good")) };
    let then = async {
        tokio::task::yield_now().await;
        assert_eq!(world.ask("c").await, Err(TokenError::IntrospectionUnavailable));
        world.host.hold_back(false);
    };
    let (answers, ()) = tokio::join!(first, then);
    assert_eq!(answers, (Ok(()), Ok(()), Ok(())));
    assert_eq!((world.ask("c").await, world.asked()), (Ok(()), 5));
}
