//! The resource server's half: whose tokens are good.

use std::sync::Arc;

use arc_swap::ArcSwap;
use keyward_core::clock::Clock;
use keyward_resource::{Accounts, KeySet, Revocations, StaticTokens, TrustedIssuer, Verifier, VerifierConfig};

use super::layout::Layout;

/// What changes while the verifier is in use; each part is a handle on what it holds.
#[derive(Clone, Default)]
pub(crate) struct Live {
    /// The embedded issuer's keys.
    pub(crate) own_keys: Arc<ArcSwap<KeySet>>,
    /// Development bearer tokens.
    pub(crate) static_tokens: StaticTokens,
    /// Accounts here, for issuers elsewhere whose word on e-mail addresses is taken.
    pub(crate) accounts: Accounts,
    /// Grants that were ended.
    pub(crate) revocations: Revocations,
}

/// A verifier that takes the tokens of `issuers`.
pub(crate) fn verifier(issuers: Vec<TrustedIssuer>, layout: &Layout, live: &Live, clock: &Clock) -> Verifier {
    let config = VerifierConfig {
        issuers,
        static_tokens: live.static_tokens.clone(),
        accounts: live.accounts.clone(),
        revocations: live.revocations.clone(),
        hierarchy: layout.hierarchy.clone(),
        ..VerifierConfig::default()
    };
    Verifier::new(config, clock.clone())
}
