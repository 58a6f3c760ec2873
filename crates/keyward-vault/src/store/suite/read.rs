//! Reading.

use super::{Subject, person};
use crate::error::VaultError;
use crate::name::TokenName;
use crate::store::{MAX_VALUE_LEN, NewToken};
use crate::testing::name;
use keyward_core::secret::Secret;

pub(super) async fn what_is_absent_is_no_error(subject: &Subject) {
    for of in [name("suite/absent"), name("no-such-service/absent"), name("suite/text").owned_by(person(9))] {
        assert!(subject.get(&of).await.is_none(), "{of:?}");
        assert!(subject.versions(&of).await.is_empty(), "{of:?}");
        assert!(subject.store().earlier(&of).await.expect("earlier").is_none(), "{of:?}");
        assert!(!subject.store().delete(&of).await.expect("delete"), "{of:?}");
    }
}

pub(super) async fn a_token_is_read_and_listed(subject: &Subject) {
    let of = name("suite/text");
    let opened = subject.get(&of).await.expect("it is there");
    assert_eq!(opened.value.expose_secret(), b"a value");
    assert_eq!(subject.versions(&of).await, [opened.version]);
    assert!(subject.store().earlier(&of).await.expect("earlier").is_none());
    let listed = subject.store().list().await.expect("list");
    let entry = listed.iter().find(|entry| entry.name == of).expect("it is listed");
    assert_eq!((entry.version, entry.store), (opened.version, subject.store().name()));
    assert!(!format!("{listed:?}").contains("a value"));
}

/// Names and lengths are checked by types, so that no store can differ.
pub(super) fn names_that_are_none_are_refused_before_any_store(_: &Subject) {
    let long = "x".repeat(10_000);
    for bad in ["", "a", "a/b/c", "../b", "a/..", "a/b c", "a/\0", "a/\n", "ä/b", "a/ü", "keyward/x", long.as_str()] {
        assert!(bad.parse::<TokenName>().is_err(), "{bad:.40}");
    }
    assert!(matches!(NewToken::new(Secret::new(Vec::new())), Err(VaultError::EmptyValue)));
    assert!(matches!(NewToken::new(Secret::new(vec![b'x'; MAX_VALUE_LEN + 1])), Err(VaultError::ValueTooLong)));
}
