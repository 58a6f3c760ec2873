//! Development bearer tokens.

use keyward_core::random::Random;
use keyward_core::secret::{self, PlainToken};

use super::*;
use crate::TokenKind;

fn plain() -> PlainToken {
    PlainToken::generate(secret::TokenKind::Bearer, &Random::system()).expect("random")
}

fn entry(token: &PlainToken) -> StaticToken {
    StaticToken {
        id: "id-1".to_owned(),
        hash: token.hash(),
        name: "laptop".to_owned(),
        email: Some("person@example.com".to_owned()),
        user_id: "0192e4a0-0000-7000-8000-000000000001".parse().ok(),
        scopes: "coda:read".parse().expect("scopes"),
        resources: vec![RESOURCE.to_owned()],
        expires_at: Some(Timestamp::from_seconds(NOW + 60)),
    }
}

fn world() -> (World, StaticTokens) {
    let config = VerifierConfig::default();
    let tokens = config.static_tokens.clone();
    (World::with(config), tokens)
}

#[tokio::test]
async fn they_live_from_when_they_are_issued_until_they_are_revoked() {
    let (world, tokens) = world();
    let (token, another) = (plain(), plain());
    assert_eq!(world.verify(token.expose_secret()).await, Err(TokenError::UnknownStatic));

    tokens.replace([entry(&token)]);
    let principal = world.verify(token.expose_secret()).await.expect("a principal");
    assert_eq!((principal.kind, principal.name.as_deref()), (TokenKind::Static, Some("laptop")));
    assert_eq!((principal.subject.as_str(), &*principal.issuer), ("person@example.com", STATIC_ISSUER));
    assert_eq!(world.verify(another.expose_secret()).await, Err(TokenError::UnknownStatic));

    tokens.replace([]);
    assert!(!world.cached(token.expose_secret()));
    assert_eq!(world.verify(token.expose_secret()).await, Err(TokenError::UnknownStatic));
}

#[tokio::test]
async fn they_end_to_the_second() {
    let (world, tokens) = world();
    let (token, endless) = (plain(), plain());
    tokens.replace([entry(&token), StaticToken { expires_at: None, ..entry(&endless) }]);
    world.clock.advance(Duration::from_secs(59));
    assert!(world.verify(token.expose_secret()).await.is_ok());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.verify(token.expose_secret()).await, Err(TokenError::Expired));
    assert!(world.verify(endless.expose_secret()).await.is_ok());
}

#[tokio::test]
async fn they_serve_only_where_they_are_meant_to() {
    let (world, tokens) = world();
    let token = plain();
    tokens.replace([entry(&token)]);
    let outcome = world.verifier.verify(token.expose_secret(), &protected(OTHER_RESOURCE)).await;
    assert_eq!(outcome, Err(TokenError::Audience));
}

#[tokio::test]
async fn tokens_with_the_same_beginning_of_their_hash_are_told_apart() {
    let (world, tokens) = world();
    let token = plain();
    let mut twin = *token.hash().as_bytes();
    twin[31] ^= 1;
    let twin = keyward_core::secret::TokenHash::from_stored(&twin).expect("a hash");
    tokens.replace([StaticToken { hash: twin, name: "twin".to_owned(), ..entry(&token) }]);
    assert_eq!(world.verify(token.expose_secret()).await, Err(TokenError::UnknownStatic));
    tokens.replace([StaticToken { hash: twin, name: "twin".to_owned(), ..entry(&token) }, entry(&token)]);
    let principal = world.verify(token.expose_secret()).await.expect("a principal");
    assert_eq!(principal.name.as_deref(), Some("laptop"));
}

#[tokio::test]
async fn what_only_begins_like_one_is_no_token() {
    let (world, _) = world();
    for text in ["kwd_", "kwd_short", "kwr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(world.verify(text).await, Err(TokenError::Malformed), "{text}");
    }
}
