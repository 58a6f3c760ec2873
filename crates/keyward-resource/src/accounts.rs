//! The accounts here, for issuers whose word on e-mail addresses is taken.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use keyward_core::id::UserId;

/// An account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// Its person is let in, and acts for it.
    Open(UserId),
    /// Its person is not let in.
    Closed,
}

/// The accounts by e-mail; clones share them.
#[derive(Clone, Default)]
pub struct Accounts(Arc<Inner>);

#[derive(Default)]
struct Inner {
    by_email: ArcSwap<HashMap<String, Account>>,
    version: AtomicU64,
}

impl Accounts {
    /// Takes effect on the next call. The letters A to Z of the addresses are in lower case, as accounts are named.
    pub fn replace(&self, accounts: impl IntoIterator<Item = (String, Account)>) {
        let accounts: HashMap<_, _> = accounts.into_iter().collect();
        if **self.0.by_email.load() != accounts {
            self.0.by_email.store(Arc::new(accounts));
            self.0.version.fetch_add(1, Ordering::Release);
        }
    }

    /// Whose account it is. Only A to Z are the same in either case: Unicode folds letters of other scripts into these, and
    /// somebody else may own an address with such a letter.
    pub(crate) fn find(&self, email: &str) -> Option<Account> {
        self.0.by_email.load().get(&email.to_ascii_lowercase()).copied()
    }

    /// Grows with every change.
    pub(crate) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Accounts({})", self.0.by_email.load().len())
    }
}
