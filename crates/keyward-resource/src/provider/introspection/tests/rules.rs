//! What the issuer says is held against the same rules as a JWT's claims, and each token is shown to one issuer.

use super::*;

#[tokio::test]
async fn the_principal_says_what_the_issuer_says() {
    let world = World::start().await;
    let principal = world.call("t").await.expect("a principal");
    assert_eq!((principal.kind, principal.subject.as_str()), (TokenKind::Opaque, "person"));
    assert_eq!((&*principal.issuer, principal.client_id.as_deref()), (world.host.origin.as_str(), Some("client")));
    assert_eq!(principal.scopes.to_string(), "coda:read");
    assert_eq!((principal.user_id, principal.grant_id), (None, None));
}

#[tokio::test]
async fn a_token_without_an_end_ends_with_its_answer() {
    let world = World::start().await;
    world.says(&good_but("exp", Value::Null));
    let principal = world.call("t").await.expect("a principal");
    assert_eq!(principal.expires_at, Timestamp::from_seconds(NOW + 30));
}

#[tokio::test]
async fn the_rules_are_those_of_signed_tokens() {
    let world = World::start().await;
    let mut twice = good().to_string();
    twice.insert_str(1, r#""aud":"https://other.example","#);
    for (number, (answer, error)) in [
        (good_but("aud", "https://other.example".into()).to_string(), TokenError::Audience),
        (good_but("aud", Value::Null).to_string(), TokenError::Claims),
        (good_but("sub", Value::Null).to_string(), TokenError::Claims),
        (good_but("sub", "".into()).to_string(), TokenError::Claims),
        (good_but("exp", (NOW - 5).into()).to_string(), TokenError::Expired),
        (good_but("nbf", (NOW + 6).into()).to_string(), TokenError::NotYetValid),
        (good_but("iss", "https://other.example".into()).to_string(), TokenError::Issuer),
        (good_but("token_use", "refresh_token".into()).to_string(), TokenError::Type),
        (good_but("active", false.into()).to_string(), TokenError::Inactive),
        (twice, TokenError::Claims),
    ]
    .into_iter()
    .enumerate()
    {
        world.host.answer(INTROSPECT, "200 OK", &answer);
        let refused = world.call(&format!("token-{number}")).await.expect_err(&answer);
        assert_eq!((refused, refused.status().as_u16()), (error, 401), "{answer}");
    }
}

#[tokio::test]
async fn a_token_is_shown_to_one_issuer_only() {
    let (first, second) =
        (World::with(|config| config.prefix = Some("ory_at_".to_owned())).await, World::start().await);
    let third = World::start().await;
    let calls = first.verifier(vec![second.trusted(), first.trusted(), third.trusted()]);
    assert_eq!(&*calls.call("ory_at_x").await.expect("a principal").issuer, first.host.origin);
    assert_eq!((first.asked(), second.asked(), third.asked()), (1, 0, 0));
    assert_eq!(&*calls.call("other").await.expect("a principal").issuer, second.host.origin);
    assert_eq!((first.asked(), second.asked(), third.asked()), (1, 1, 0));
    second.says(&json!({ "active": false }));
    assert_eq!(calls.call("unknown").await, Err(TokenError::Inactive));
    assert_eq!((first.asked(), second.asked(), third.asked()), (1, 2, 0));
}

#[tokio::test]
async fn signed_tokens_and_what_is_too_long_are_shown_to_nobody() {
    let world = World::start().await;
    let signer = Signer::new("a", Algorithm::EdDsa);
    for token in [signer.token(), signer.token_with("iss", "https://other.example".into())] {
        assert_eq!(world.call(&token).await, Err(TokenError::Issuer));
    }
    assert_eq!(world.call(&"x".repeat(4097)).await, Err(TokenError::Malformed));
    assert_eq!(world.host.requests().len(), 0);
    let deaf = TrustedIssuer { introspection: None, ..world.trusted() };
    assert_eq!(world.verifier(vec![deaf]).call("t").await, Err(TokenError::Malformed));
}

/// An issuer may ask us to speak of a token; nothing of it is to be found in what we say.
#[tokio::test]
async fn nothing_shows_the_secret_or_the_token() {
    let world = World::start().await;
    world.host.answer(INTROSPECT, "500 Oops", "opaque-token");
    assert!(world.ask("opaque-token").await.is_err());
    let shown = format!("{:?} {:?} {:?}", world.provider, world.provider.status(), world.trusted());
    let config = format!("{:?}", IntrospectionConfig::of("c", Secret::from_text("s3cr3t".to_owned())));
    for secret in ["opaque-token", "s3cr3t", "e cret"] {
        assert!(!shown.contains(secret) && !config.contains(secret), "{shown} {config}");
    }
}

#[tokio::test]
async fn signed_tokens_are_asked_about_where_that_is_wanted() {
    let token_of = |issuer: &str| {
        let part =
            |json: Value| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, json.to_string());
        format!("{}.{}.AAAA", part(json!({ "alg": "RS512", "typ": "JWT" })), part(json!({ "iss": issuer })))
    };
    let world = World::start().await;
    assert_eq!(
        world.call(&token_of(&world.host.origin)).await.err(),
        Some(TokenError::Claims),
        "by itself it is no good"
    );
    assert_eq!(world.asked(), 0);

    let world = World::with(|config| config.signed_tokens = true).await;
    let principal = world.call(&token_of(&world.host.origin)).await.expect("its issuer says that it is good");
    assert_eq!((&*principal.subject, principal.kind), ("person", TokenKind::Opaque));
    assert_eq!(world.asked(), 1);
    world.says(&json!({ "active": false }));
    assert_eq!(world.call(&format!("{}A", token_of(&world.host.origin))).await.err(), Some(TokenError::Inactive));
    // None is shown to an issuer that it does not name.
    for other in ["https://elsewhere.example", ""] {
        assert!(world.call(&token_of(other)).await.is_err());
    }
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn what_is_no_opaque_token_of_the_issuer_is_not_shown_to_it() {
    let world = World::start().await;
    let signed = Signer::new("key", Algorithm::Es256).token();
    let unreadable = signed.replacen('.', "=.", 1);
    for token in [&*unreadable, "eyJhbGciOiJSUzI1NiJ9.!.!", "ewo.a.b", "kwd_short", "kwr_0123", "kwc_é"] {
        assert_eq!(world.call(token).await, Err(TokenError::Malformed), "{token}");
    }
    assert_eq!(world.asked(), 0);
    for token in ["kw", "kwx", "a.b.c", "eyJ.a"] {
        assert!(world.call(token).await.is_ok(), "{token}");
    }
}

#[tokio::test]
async fn the_token_of_an_issuer_that_does_not_serve_here_is_not_shown_to_the_one_that_does() {
    let (here, there) = (World::start().await, World::with(|config| config.prefix = Some("there_".to_owned())).await);
    let elsewhere = TrustedIssuer { resources: Some(Vec::new()), ..there.trusted() };
    let calls = here.verifier(vec![here.trusted(), elsewhere]);
    assert_eq!(calls.call("there_1").await, Err(TokenError::Malformed));
    assert_eq!((here.asked(), there.asked()), (0, 0));
    assert!(calls.call("other").await.is_ok());
}
