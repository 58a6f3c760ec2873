use keyward_core::scope::ScopeSet;
use proptest::prelude::*;

use super::*;
use crate::principal::TokenKind;

fn accepted(subject: &str) -> Accepted {
    let principal = Principal {
        subject: subject.to_owned(),
        issuer: "i".into(),
        client_id: None,
        scopes: ScopeSet::empty(),
        granted: ScopeSet::empty(),
        expires_at: Timestamp::from_seconds(0),
        kind: TokenKind::Jwt,
        grant_id: None,
        user_id: None,
        token_id: None,
        email: None,
        name: None,
    };
    let generation = Generation { rules: 0, revocations: 0 };
    Accepted { principal: Arc::new(principal), until: Timestamp::from_seconds(0), generation }
}

/// The worst case that chance could bring: two tokens and two resources with one hash.
#[test]
fn entries_with_the_same_hash_are_told_apart() {
    let cache = TokenCache::new(1 << 20, 1 << 20);
    let slot = |token: &'static str, resource: &'static str| Slot { hash: 7, token, resource };
    let pairs = [("a", "r"), ("b", "r"), ("a", "s"), ("ar", ""), ("", "ar")];
    for (index, (token, resource)) in pairs.iter().enumerate() {
        assert!(cache.accepted(&slot(token, resource)).is_none());
        cache.accept(&slot(token, resource), accepted(&index.to_string()));
    }
    for (index, (token, resource)) in pairs.iter().enumerate() {
        let found = cache.accepted(&slot(token, resource)).expect("an entry");
        assert_eq!(found.principal.subject, index.to_string());
    }
}

#[test]
fn a_refusal_takes_the_place_of_an_acceptance() {
    let cache = TokenCache::new(1 << 20, 1 << 20);
    let slot = cache.slot("token", "resource");
    cache.accept(&slot, accepted("a"));
    cache.refuse(&slot, Refused { error: TokenError::Expired, until: Timestamp::from_seconds(0), rules: 0 });
    assert!(cache.accepted(&slot).is_none() && cache.refused(&slot).is_some());
}

#[test]
fn nothing_prints_a_token() {
    let cache = TokenCache::new(1 << 20, 1 << 20);
    cache.accept(&cache.slot("secret-token", "r"), accepted("a"));
    assert_eq!(format!("{cache:?}"), "TokenCache(1 accepted, 0 refused)");
}

proptest! {
    #[test]
    fn an_entry_answers_for_its_own_pair_only(
        pairs in prop::collection::hash_set(("[ab]{0,3}", "[ab]{0,3}"), 1..20), asked in ("[ab]{0,3}", "[ab]{0,3}"),
    ) {
        let cache = TokenCache::new(1 << 20, 1 << 20);
        for (token, resource) in &pairs {
            cache.accept(&cache.slot(token, resource), accepted(&format!("{token}|{resource}")));
        }
        let found = cache.accepted(&cache.slot(&asked.0, &asked.1));
        prop_assert_eq!(found.is_some(), pairs.contains(&asked));
        if let Some(found) = found {
            prop_assert_eq!(&found.principal.subject, &format!("{}|{}", asked.0, asked.1));
        }
    }
}
