//! Writing, deleting, listing.

use std::collections::BTreeMap;

use keyward_core::secret::Secret;

use super::{Subject, person};
use crate::error::VaultError;
use crate::name::TokenName;
use crate::store::{Expected, MAX_VALUE_LEN, NewToken};
use crate::testing::{name, token};

const WRITERS: usize = 8;

pub(super) async fn values_of_any_bytes_come_back(subject: &Subject) {
    let of = name("values/key");
    let every_byte: Vec<u8> = (0..=255).collect();
    let values: [&[u8]; 12] = [
        b"x",
        b" white space at both ends\n",
        "\"quotes\" \\ <angles> & tökén \u{2028} \u{1f511}".as_bytes(),
        b"line\r\nline\ttab\n",
        b"\0",
        b"a\0b",
        b"\x1b[31mred\x7f",
        b"\xff\xfe\xc0",
        &every_byte,
        &vec![b'<'; MAX_VALUE_LEN],
        &vec![0; MAX_VALUE_LEN],
        b"keyward-sealed:1:no-such-thing",
    ];
    for value in values {
        let secret = Secret::new(value.to_vec());
        let new = NewToken::new(Secret::new(value.to_vec())).expect("value");
        let version = subject.put(&of, new).await;
        let opened = subject.get(&of).await.expect("it is there");
        assert!(opened.value.equals_in_constant_time(&secret), "{:.40}", value.escape_ascii().to_string());
        assert_eq!(opened.version, version);
    }
}

pub(super) async fn an_expectation_is_checked(subject: &Subject) {
    let of = name("expected/key");
    let put = async |expected| subject.store().put(&of, &token("x"), expected).await;
    let found = |outcome: Result<i64, VaultError>| match outcome {
        Err(VaultError::Conflict { found, .. }) => found,
        other => panic!("no conflict: {other:?}"),
    };
    assert_eq!(found(put(Expected::Version(1)).await), None);
    let first = put(Expected::Absent).await.expect("there is none");
    assert_eq!(found(put(Expected::Absent).await), Some(first));
    assert_eq!(found(put(Expected::Version(first + 1)).await), Some(first));
    let second = put(Expected::Version(first)).await.expect("as expected");
    assert_eq!(second, first + 1);
    assert_eq!(found(put(Expected::Version(first)).await), Some(second));
    assert_eq!(put(Expected::Anything).await.expect("anything"), second + 1);
    assert_eq!(subject.get(&of).await.expect("there").version, second + 1);
}

pub(super) async fn a_deleted_token_is_gone_with_all_its_versions(subject: &Subject) {
    let of = name("deleted/key");
    subject.put(&of, token("one")).await;
    subject.put(&of, token("two").grace(super::GRACE)).await;
    assert!(subject.store().delete(&of).await.expect("delete"));
    assert!(subject.get(&of).await.is_none());
    assert!(subject.store().earlier(&of).await.expect("earlier").is_none());
    assert!(subject.versions(&of).await.is_empty());
    assert!(subject.store().list().await.expect("list").iter().all(|entry| entry.name != of));
    assert!(!subject.store().delete(&of).await.expect("nothing to delete"));
    subject.store().put(&of, &token("again"), Expected::Absent).await.expect("absent");
    assert_eq!(subject.text(&of).await.as_deref(), Some("again"));
    assert!(subject.store().earlier(&of).await.expect("earlier").is_none(), "nothing from before its deletion");
}

/// The outcome of every writer, who all write at once and each through a handle of its own.
async fn race(subject: &Subject, of: &TokenName, expected: Expected) -> Vec<Result<i64, VaultError>> {
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (store, of) = (subject.handles[writer % subject.handles.len()].clone(), of.clone());
        writers.spawn(async move { store.put(&of, &token(&format!("writer {writer}")), expected).await });
    }
    writers.join_all().await
}

pub(super) async fn of_many_writers_one_wins_and_the_others_are_told(subject: &Subject) {
    let of = name("raced/key");
    let mut expected = Expected::Absent;
    for _ in 0..3 {
        let (won, lost): (Vec<_>, Vec<_>) = race(subject, &of, expected).await.into_iter().partition(Result::is_ok);
        let won: Vec<_> = won.into_iter().map(|won| won.expect("won")).collect();
        let &[version] = won.as_slice() else { panic!("{} won with {expected:?}", won.len()) };
        assert_eq!(lost.len(), WRITERS - 1);
        for outcome in lost {
            let error = outcome.expect_err("lost");
            assert!(matches!(error, VaultError::Conflict { found: Some(found), .. } if found == version), "{error}");
        }
        assert_eq!(subject.get(&of).await.expect("there").version, version);
        expected = Expected::Version(version);
    }
}

pub(super) async fn writers_without_an_expectation_all_get_through(subject: &Subject) {
    let of = name("crowded/key");
    let mut versions: Vec<_> =
        race(subject, &of, Expected::Anything).await.into_iter().map(|v| v.expect("put")).collect();
    versions.sort_unstable();
    assert!(versions.is_sorted_by(|a, b| a + 1 == *b), "each has a version of its own: {versions:?}");
    assert_eq!(subject.get(&of).await.expect("there").version, versions[WRITERS - 1]);
}

pub(super) async fn people_have_tokens_of_their_own(subject: &Subject) {
    let shared = name("owned/key");
    let [ann, bob] = [1, 2].map(|number| shared.clone().owned_by(person(number)));
    for (of, value) in [(&shared, "of all"), (&ann, "of ann"), (&bob, "of bob")] {
        subject.store().put(of, &token(value), Expected::Absent).await.expect("each has none yet");
    }
    assert!(subject.store().delete(&ann).await.expect("delete"));
    assert!(subject.get(&ann).await.is_none());
    assert_eq!(subject.text(&bob).await.as_deref(), Some("of bob"));
    assert!(subject.store().delete(&shared).await.expect("delete"));
    assert_eq!(subject.text(&bob).await.as_deref(), Some("of bob"));
    let listed = subject.store().list().await.expect("list");
    let listed: Vec<_> = listed.into_iter().map(|entry| entry.name).filter(|of| of.service() == "owned").collect();
    assert_eq!(listed, [bob]);
}

pub(super) async fn names_of_every_form_are_apart(subject: &Subject) {
    let (longest_service, longest_key) = ("s".repeat(63), "K.-_".repeat(32));
    let longest = format!("{longest_service}/{longest_key}");
    let names = ["0/0", "a/A", "a/a", "a/a.b", "a/a-b", "a/a_b", "a/a..", "a_b/c", "a-b/c", "data/metadata", &longest];
    for of in names {
        subject.put(&name(of), token(of)).await;
    }
    for of in names {
        assert_eq!(subject.text(&name(of)).await.as_deref(), Some(of));
    }
}

pub(super) async fn listings_are_in_order_and_hold_no_value(subject: &Subject) {
    for of in ["listed-b/z", "listed-b/a", "listed-a/z"] {
        subject.put(&name(of), token("a hidden value")).await;
    }
    subject.put(&name("listed-a/z").owned_by(person(2)), token("a hidden value")).await;
    subject.put(&name("listed-a/z").owned_by(person(1)), token("a hidden value")).await;
    let listed = subject.store().list().await.expect("list");
    assert!(listed.is_sorted_by(|a, b| a.name < b.name), "in the order of their names, each once");
    assert!(!format!("{listed:?}").contains("hidden"));
    let listed = listed.iter().filter(|entry| entry.name.service().starts_with("listed-"));
    let listed: Vec<_> = listed.map(|entry| format!("{:?} {} {}", entry.name, entry.version, entry.store)).collect();
    let of = subject.store().name();
    assert_eq!(
        listed,
        [
            format!("listed-a/z 1 {of}"),
            format!("listed-a/z of {} 1 {of}", person(1)),
            format!("listed-a/z of {} 1 {of}", person(2)),
            format!("listed-b/a 1 {of}"),
            format!("listed-b/z 1 {of}"),
        ]
    );
}

pub(super) async fn expiry_and_labels_come_back(subject: &Subject) {
    let of = name("facts/key");
    let ends = subject.clock.now().plus(super::GRACE);
    let labels: BTreeMap<String, String> =
        [("team", "data"), ("said", "\"ja\" & <nein>"), ("ключ", "значение"), ("empty", "")]
            .map(|(label, value)| (label.to_owned(), value.to_owned()))
            .into();
    let entry = async || {
        let listed = subject.store().list().await.expect("list");
        listed.into_iter().find(|entry| entry.name == of).expect("it is listed")
    };
    subject.put(&of, token("one").expires_at(ends).labels(labels.clone())).await;
    assert_eq!(subject.get(&of).await.expect("there").expires_at, Some(ends));
    let listed = entry().await;
    assert_eq!((listed.expires_at, &listed.labels), (Some(ends), &labels));
    assert!(listed.created_at.is_some() && listed.updated_at.is_some());
    subject.put(&of, token("two")).await;
    let listed = entry().await;
    assert_eq!((listed.expires_at, listed.labels.len(), listed.version), (None, 0, 2), "they are the version's");
}
