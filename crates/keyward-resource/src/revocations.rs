//! What was ended before its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use keyward_core::id::GrantId;

use crate::principal::Principal;

/// What was ended and may still have tokens that have not expired.
#[derive(Clone, Debug, Default)]
pub struct Revoked {
    /// Grants.
    pub grants: std::collections::HashSet<GrantId>,
    /// Single tokens, by `jti`.
    pub token_ids: std::collections::HashSet<String>,
}

/// The current [`Revoked`]; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Revocations(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    revoked: ArcSwap<Revoked>,
    version: AtomicU64,
}

impl Revocations {
    /// Takes effect on the next call, also for tokens that were verified before.
    pub fn replace(&self, revoked: Revoked) {
        self.0.revoked.store(Arc::new(revoked));
        self.0.version.fetch_add(1, Ordering::Release);
    }

    /// Whether the token, or the grant behind it, was ended. Both ids are our own issuer's, so only tokens that carry a
    /// grant of ours can be meant.
    pub fn contains(&self, principal: &Principal) -> bool {
        let Some(grant_id) = &principal.grant_id else { return false };
        let revoked = self.0.revoked.load();
        revoked.grants.contains(grant_id)
            || principal.token_id.as_ref().is_some_and(|id| revoked.token_ids.contains(id))
    }

    /// Grows with every change.
    pub(crate) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }
}
