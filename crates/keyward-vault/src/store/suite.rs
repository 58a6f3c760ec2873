//! What every store does, as one list of tests that each store passes. A store adds a test that makes a [`Subject`] and
//! calls [`passes`], or [`is_read`] when it cannot be written.

mod local;
mod read;
mod versions;
mod write;

use std::sync::Arc;
use std::time::Duration;

use keyward_core::clock::ManualClock;
use keyward_core::id::UserId;
use uuid::Uuid;

use super::{NewToken, OpenedToken, TokenStore};
use crate::name::TokenName;
use crate::testing::{name, token};

/// How long earlier versions are usable in these tests.
const GRACE: Duration = Duration::from_secs(600);

/// A store of one kind, empty at first.
pub(crate) struct Subject {
    /// Handles to the same store, as processes of their own have them.
    pub(crate) handles: Vec<Arc<dyn TokenStore>>,
    /// Whether its own interface destroys versions; in one that does not, they are only not given any more.
    pub(crate) destroys: bool,
    pub(crate) clock: ManualClock,
}

impl Subject {
    fn store(&self) -> &dyn TokenStore {
        &*self.handles[0]
    }

    async fn get(&self, of: &TokenName) -> Option<OpenedToken> {
        self.store().get(of).await.expect("get")
    }

    async fn text(&self, of: &TokenName) -> Option<String> {
        let opened = self.get(of).await?;
        Some(opened.value.expose_text().expect("text").to_owned())
    }

    async fn put(&self, of: &TokenName, new: NewToken) -> i64 {
        self.store().put(of, &new, super::Expected::Anything).await.expect("put")
    }

    async fn versions(&self, of: &TokenName) -> Vec<i64> {
        let versions = self.store().versions(of).await.expect("versions");
        versions.iter().map(|entry| entry.version).collect()
    }
}

/// All of it, for a store that is written through.
pub(crate) async fn passes(subject: &Subject) {
    read::what_is_absent_is_no_error(subject).await;
    subject.put(&name("suite/text"), token("a value")).await;
    is_read(subject).await;
    write::values_of_any_bytes_come_back(subject).await;
    write::an_expectation_is_checked(subject).await;
    write::a_deleted_token_is_gone_with_all_its_versions(subject).await;
    write::of_many_writers_one_wins_and_the_others_are_told(subject).await;
    write::writers_without_an_expectation_all_get_through(subject).await;
    write::people_have_tokens_of_their_own(subject).await;
    write::names_of_every_form_are_apart(subject).await;
    write::listings_are_in_order_and_hold_no_value(subject).await;
    write::expiry_and_labels_come_back(subject).await;
    versions::the_newest_comes_first(subject).await;
    versions::an_earlier_one_serves_for_its_grace(subject).await;
    versions::without_grace_the_one_before_ends_at_once(subject).await;
    versions::none_outlives_the_one_after_it(subject).await;
}

/// What a store does that has `suite/text` = `a value`.
pub(crate) async fn is_read(subject: &Subject) {
    read::what_is_absent_is_no_error(subject).await;
    read::a_token_is_read_and_listed(subject).await;
    read::names_that_are_none_are_refused_before_any_store(subject);
}

fn person(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}
