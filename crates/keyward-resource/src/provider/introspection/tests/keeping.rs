//! How long an answer is believed.

use super::*;

#[tokio::test]
async fn a_good_answer_is_believed_briefly() {
    let world = World::start().await;
    for (wait, asked) in [(0, 1), (29, 1), (1, 2), (29, 2)] {
        world.seconds_pass(wait);
        assert_eq!((world.ask("t").await, world.asked()), (Ok(()), asked));
    }
    assert_eq!(world.provider.status().introspection.expect("it is configured").from_memory, 2);
}

#[tokio::test]
async fn never_longer_than_a_minute_and_never_past_the_tokens_end() {
    let world = World::with(|config| config.active_for = Duration::from_secs(3600)).await;
    for (wait, asked) in [(0, 1), (59, 1), (1, 2)] {
        world.seconds_pass(wait);
        assert_eq!((world.ask("t").await, world.asked()), (Ok(()), asked));
    }
    world.says(&good_but("exp", (NOW + 70).into()));
    for (wait, asked) in [(0, 3), (9, 3), (1, 4)] {
        world.seconds_pass(wait);
        assert_eq!((world.ask("short").await, world.asked()), (Ok(()), asked));
    }
}

#[tokio::test]
async fn a_bad_answer_is_believed_for_less() {
    let world = World::start().await;
    world.says(&json!({ "active": false }));
    for (wait, asked) in [(0, 1), (9, 1), (1, 2)] {
        world.seconds_pass(wait);
        assert_eq!((world.ask("t").await, world.asked()), (Err(TokenError::Inactive), asked));
    }
    world.says(&good());
    world.seconds_pass(10);
    assert_eq!(world.ask("t").await, Ok(()));
}

#[tokio::test]
async fn what_was_said_before_the_clock_was_set_back_is_forgotten() {
    let world = World::start().await;
    assert_eq!(world.ask("t").await, Ok(()));
    world.clock.set(Timestamp::from_seconds(NOW - 5));
    assert_eq!((world.ask("t").await, world.asked()), (Ok(()), 2));
}

#[tokio::test]
async fn a_verified_token_is_looked_at_again_when_its_answer_ends() {
    let world = World::start().await;
    let calls = world.verifier(vec![world.trusted()]);
    let principal = calls.call("t").await.expect("a principal");
    assert_eq!(principal.expires_at, Timestamp::from_seconds(NOW + 600));
    world.seconds_pass(29);
    assert!(calls.verifier.try_cached("t", &calls.resource).is_some());
    world.says(&json!({ "active": false }));
    world.seconds_pass(1);
    assert!(calls.verifier.try_cached("t", &calls.resource).is_none());
    assert_eq!(calls.call("t").await, Err(TokenError::Inactive));
}

#[tokio::test]
async fn answers_of_no_more_tokens_are_kept_than_is_configured() {
    let world = World::with(|config| config.max_kept = 16).await;
    for number in 0..100 {
        assert_eq!(world.ask(&format!("token-{number}")).await, Ok(()));
    }
    let introspection = world.provider.introspection().expect("it is configured");
    assert!(introspection.0.active.len() <= 16);
    assert!(introspection.0.flights().is_empty());
}

#[tokio::test]
async fn junk_does_not_push_out_what_is_good() {
    let world = World::with(|config| config.max_kept = 16).await;
    assert_eq!(world.ask("good").await, Ok(()));
    world.says(&json!({ "active": false }));
    for number in 0..100 {
        assert_eq!(world.ask(&format!("junk-{number}")).await, Err(TokenError::Inactive));
    }
    assert_eq!((world.ask("good").await, world.asked()), (Ok(()), 101));
    world.seconds_pass(30);
    assert_eq!(world.ask("good").await, Err(TokenError::Inactive), "until it is asked about again");
    assert_eq!((world.ask("good").await, world.asked()), (Err(TokenError::Inactive), 102));
}
