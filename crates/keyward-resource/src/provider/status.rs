//! How an external issuer stands, for readiness and metrics.

use std::sync::Arc;

use keyward_core::clock::Timestamp;

use super::Inner;

/// How an external issuer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderStatus {
    /// Its identifier.
    pub issuer: Arc<str>,
    /// Whether its tokens can be verified; where people log in there, whether they can.
    pub state: ProviderState,
    /// What is wrong, in one line that may be logged and shown.
    pub reason: Option<String>,
    /// How many of its keys can be used, with the algorithms that are accepted from it.
    pub usable_keys: usize,
    /// When its keys (or, where it needs none, its metadata) were last fetched.
    pub last_success: Option<Timestamp>,
    /// When something is fetched next, once [`super::Provider::start`] was called.
    pub next_try: Option<Timestamp>,
    /// Fetches of metadata and keys that went well.
    pub fetches_ok: u64,
    /// Those that did not.
    pub fetches_failed: u64,
    /// By how many seconds its clock is ahead of ours (negative: behind), as its last answer said.
    pub clock_ahead_seconds: Option<i64>,
    /// How asking about opaque tokens goes, where it is asked.
    pub introspection: Option<IntrospectionStatus>,
}

/// Whether an issuer's tokens can be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderState {
    /// Nothing was fetched yet.
    Waiting,
    /// They can.
    Ready,
    /// They can, but for some: its keys are odd, its clock is wrong, or it did not answer when it was asked about one.
    Impaired,
    /// They can, with keys from before: the last fetch failed.
    Stale,
    /// They cannot.
    Failing,
}

impl ProviderState {
    /// All of them, from not yet to not at all.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Ready, Self::Impaired, Self::Stale, Self::Failing];

    /// Whether tokens can be verified, be it not all.
    pub const fn serves(self) -> bool {
        matches!(self, Self::Ready | Self::Impaired | Self::Stale)
    }

    /// In one word, for metrics and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Impaired => "impaired",
            Self::Stale => "stale",
            Self::Failing => "failing",
        }
    }
}

/// How asking an issuer about opaque tokens goes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntrospectionStatus {
    /// Answers that came.
    pub answered: u64,
    /// Requests without a usable answer.
    pub failed: u64,
    /// Tokens whose answer was at hand.
    pub from_memory: u64,
    /// Why the last request had no usable answer, if it had none.
    pub reason: Option<String>,
}

pub(super) fn of(inner: &Inner, next_try: Option<Timestamp>) -> ProviderStatus {
    let (metadata, keys) = (inner.metadata.health.last(), inner.keys.health().last());
    let held = inner.keys.held();
    let usable_keys = held.as_ref().map_or(0, |held| held.keys.count_for(&inner.config.algorithms));
    let metadata_failed = metadata.reason.filter(|_| inner.config.needs_metadata());
    let (serving, last_success, mut reasons) = if inner.wants_keys() {
        let reasons: Vec<_> = [keys.reason.clone(), metadata_failed].into_iter().flatten().collect();
        let endpoints = !inner.config.endpoints_needed || inner.metadata.known().is_some();
        (usable_keys > 0 && endpoints, keys.success, reasons)
    } else {
        (inner.metadata.known().is_some(), metadata.success, metadata_failed.into_iter().collect())
    };
    // The keys' fetch says what became of the metadata, where it needs it.
    reasons.dedup();
    let failed = !reasons.is_empty();
    if let Some(held) = &held {
        reasons.extend(held.notes.iter().cloned());
    }
    let introspection = inner.introspection.as_ref().map(super::Introspection::status);
    reasons.extend(introspection.as_ref().and_then(|asked| asked.reason.clone()));
    let state = match (serving, failed) {
        (true, false) if reasons.is_empty() => ProviderState::Ready,
        (true, false) => ProviderState::Impaired,
        (true, true) => ProviderState::Stale,
        (false, false) if held.is_none() || usable_keys > 0 => ProviderState::Waiting,
        (false, _) => ProviderState::Failing,
    };
    let counts = [inner.metadata.health.counts(), inner.keys.health().counts()];
    ProviderStatus {
        issuer: Arc::clone(&inner.config.issuer),
        state,
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        usable_keys,
        last_success,
        next_try,
        fetches_ok: counts.iter().map(|(ok, _)| ok).sum(),
        fetches_failed: counts.iter().map(|(_, failed)| failed).sum(),
        clock_ahead_seconds: held.and_then(|held| held.clock_ahead_seconds),
        introspection,
    }
}
