//! The accounts here, for issuers whose word on e-mail addresses is taken.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use keyward_core::id::UserId;

/// The open accounts by e-mail; clones share them.
#[derive(Clone, Default)]
pub struct Accounts(Arc<Inner>);

#[derive(Default)]
struct Inner {
    by_email: ArcSwap<HashMap<String, UserId>>,
    version: AtomicU64,
}

impl Accounts {
    /// Takes effect on the next call. The addresses are in lower case, as accounts are named.
    pub fn replace(&self, accounts: impl IntoIterator<Item = (String, UserId)>) {
        let accounts: HashMap<_, _> = accounts.into_iter().collect();
        if **self.0.by_email.load() != accounts {
            self.0.by_email.store(Arc::new(accounts));
            self.0.version.fetch_add(1, Ordering::Release);
        }
    }

    /// Whose account it is.
    pub(crate) fn find(&self, email: &str) -> Option<UserId> {
        self.0.by_email.load().get(&email.to_lowercase()).copied()
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
