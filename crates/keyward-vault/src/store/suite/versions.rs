//! Earlier versions and their grace.

use std::time::Duration;

use super::{GRACE, Subject};
use crate::name::TokenName;
use crate::testing::{name, token};

const SECOND: Duration = Duration::from_secs(1);

async fn earlier(subject: &Subject, of: &TokenName) -> Option<(String, i64)> {
    let opened = subject.store().earlier(of).await.expect("earlier")?;
    Some((opened.value.expose_text().expect("text").to_owned(), opened.version))
}

async fn swept(subject: &Subject, least: u64) {
    let destroyed = subject.store().sweep().await.expect("sweep");
    assert!(!subject.destroys || destroyed >= least, "{destroyed} were destroyed, not {least}");
    assert_eq!(subject.store().sweep().await.expect("sweep"), 0, "there is nothing left");
}

pub(super) async fn the_newest_comes_first(subject: &Subject) {
    let of = name("versions/order");
    for value in ["one", "two", "three"] {
        subject.put(&of, token(value).grace(GRACE)).await;
    }
    let versions = subject.store().versions(&of).await.expect("versions");
    assert!(versions.is_sorted_by(|a, b| a.version > b.version), "{versions:?}");
    assert!(versions.iter().skip(1).all(|entry| !entry.current && entry.usable_until.is_some()), "{versions:?}");
    assert_eq!((versions[0].version, versions[0].current, versions[0].usable_until), (3, true, None));
    assert_eq!((versions[1].version, versions[1].usable_until), (2, Some(subject.clock.now().plus(GRACE))));
}

pub(super) async fn an_earlier_one_serves_for_its_grace(subject: &Subject) {
    let of = name("versions/grace");
    subject.put(&of, token("one").grace(GRACE)).await;
    assert_eq!(earlier(subject, &of).await, None, "there was none before");
    subject.put(&of, token("two").grace(GRACE)).await;
    subject.clock.advance(GRACE - SECOND);
    assert_eq!(earlier(subject, &of).await, Some(("one".to_owned(), 1)));
    subject.store().sweep().await.expect("sweep");
    assert_eq!(earlier(subject, &of).await, Some(("one".to_owned(), 1)), "it is swept when it has ended");
    subject.clock.advance(SECOND);
    assert_eq!(earlier(subject, &of).await, None);
    assert_eq!(subject.versions(&of).await, [2]);
    swept(subject, 1).await;
    assert_eq!(subject.text(&of).await.as_deref(), Some("two"), "the current one stays");
}

pub(super) async fn without_grace_the_one_before_ends_at_once(subject: &Subject) {
    let of = name("versions/at-once");
    subject.put(&of, token("one")).await;
    subject.put(&of, token("two").grace(GRACE)).await;
    subject.put(&of, token("three")).await;
    assert_eq!(earlier(subject, &of).await, None);
    assert_eq!(subject.versions(&of).await, [3]);
}

pub(super) async fn none_outlives_the_one_after_it(subject: &Subject) {
    let of = name("versions/chain");
    subject.put(&of, token("one")).await;
    subject.put(&of, token("two").grace(GRACE)).await;
    subject.put(&of, token("three").grace(SECOND)).await;
    assert_eq!(earlier(subject, &of).await, Some(("two".to_owned(), 2)));
    subject.clock.advance(SECOND);
    assert_eq!(earlier(subject, &of).await, None, "not even the one before it, whose grace was longer");
    assert_eq!(subject.versions(&of).await, [3]);
    swept(subject, 1).await;
}
