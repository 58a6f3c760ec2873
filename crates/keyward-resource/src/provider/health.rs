//! How fetching something goes: counted, and logged when it changes, not each time.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyward_core::clock::Timestamp;
use keyward_core::words;

/// How fetching one thing of one issuer goes.
pub(crate) struct Health {
    issuer: Arc<str>,
    what: &'static str,
    ok: AtomicU64,
    failed: AtomicU64,
    last: Mutex<Last>,
}

#[derive(Clone, Default)]
pub(crate) struct Last {
    pub(crate) success: Option<Timestamp>,
    /// Why the last attempt failed, if it did.
    pub(crate) reason: Option<String>,
}

impl Health {
    pub(crate) fn new(issuer: &Arc<str>, what: &'static str) -> Self {
        let (issuer, last) = (Arc::clone(issuer), Mutex::default());
        Self { issuer, what, ok: AtomicU64::new(0), failed: AtomicU64::new(0), last }
    }

    pub(crate) fn succeeded(&self, now: Timestamp) {
        self.ok.fetch_add(1, Ordering::Relaxed);
        let before = std::mem::replace(&mut *self.lock(), Last { success: Some(now), reason: None });
        let (issuer, what) = (&*self.issuer, self.what);
        if before.reason.is_some() {
            tracing::info!(issuer, what, "the issuer answers again");
        } else if before.success.is_none() {
            tracing::info!(issuer, what, "the issuer answers");
        }
    }

    /// `serving` says whether what is known from before still serves.
    pub(crate) fn failed(&self, reason: &str, serving: bool) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let before = self.lock().reason.replace(reason.to_owned());
        let (issuer, what) = (&*self.issuer, self.what);
        if before.as_deref() == Some(reason) {
            tracing::debug!(issuer, what, reason, last_good_serves = serving, "still nothing usable from the issuer");
        } else {
            tracing::warn!(issuer, what, reason, last_good_serves = serving, "nothing usable from the issuer");
        }
    }

    pub(crate) fn last(&self) -> Last {
        self.lock().clone()
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.lock().reason.is_some()
    }

    /// How often it went well, and how often not.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.ok.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error and its causes in one line.
pub(crate) fn reason(error: &dyn Error) -> String {
    // Longer than words usually may be: it holds a URL.
    words::with_causes(error, 600)
}
