//! The verifier: from a token to a principal.

mod issuer;
mod jwt;
mod opaque;
mod principal;
mod static_token;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyward_core::clock::{Clock, Timestamp};
use keyward_core::scope::ScopeHierarchy;

use crate::accounts::Accounts;
use crate::cache::{Accepted, Generation, Refused, Slot, TokenCache};
use crate::error::TokenError;
use crate::metadata::ProtectedResource;
use crate::principal::{Principal, TokenKind};
use crate::revocations::Revocations;
pub use issuer::TrustedIssuer;
pub use static_token::{STATIC_ISSUER, StaticToken, StaticTokens};

/// What a [`Verifier`] goes by.
#[derive(Debug)]
pub struct VerifierConfig {
    /// The issuers.
    pub issuers: Vec<TrustedIssuer>,
    /// Development tokens.
    pub static_tokens: StaticTokens,
    /// Accounts here, for issuers with [`TrustedIssuer::accounts_by_email`].
    pub accounts: Accounts,
    /// What was ended early.
    pub revocations: Revocations,
    /// Which scope includes which.
    pub hierarchy: ScopeHierarchy,
    /// How far an issuer's clock may be off. Machines that keep time by NTP are within a second of each other; more than
    /// a few would only lengthen the life of stolen tokens.
    pub leeway: Duration,
    /// How long an accepted token is taken as such without a new look, at most.
    pub accepted_for: Duration,
    /// How long a refused token is.
    pub refused_for: Duration,
    /// How much memory the cache of accepted tokens may take.
    pub accepted_bytes: u64,
    /// How much that of refused tokens may take.
    pub refused_bytes: u64,
}

impl Default for VerifierConfig {
    /// No issuer; five seconds of leeway; five minutes and 8 MiB of accepted, five seconds and 1 MiB of refused tokens.
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            static_tokens: StaticTokens::default(),
            accounts: Accounts::default(),
            revocations: Revocations::default(),
            hierarchy: ScopeHierarchy::default(),
            leeway: Duration::from_secs(5),
            accepted_for: Duration::from_secs(300),
            refused_for: Duration::from_secs(5),
            accepted_bytes: 8 << 20,
            refused_bytes: 1 << 20,
        }
    }
}

/// Verifies tokens and remembers the outcome.
#[derive(Debug)]
pub struct Verifier {
    config: VerifierConfig,
    clock: Clock,
    cache: TokenCache,
    invalidations: AtomicU64,
}

impl Verifier {
    /// A verifier with an empty cache.
    pub fn new(config: VerifierConfig, clock: Clock) -> Self {
        let cache = TokenCache::new(config.accepted_bytes, config.refused_bytes);
        Self { config, clock, cache, invalidations: AtomicU64::new(0) }
    }

    /// Who calls `resource` with `token`, or why nobody is let in by it. Waits only while an issuer's keys
    /// are fetched, or while an issuer is asked about an opaque token.
    pub async fn verify(&self, token: &str, resource: &ProtectedResource) -> Result<Arc<Principal>, TokenError> {
        let slot = self.cache.slot(token, resource.resource().as_str());
        if let Some(principal) = self.recall(&slot) {
            return Ok(principal);
        }
        // Taken before the look at the rules: if they change meanwhile, the outcome is already out of date when stored.
        let generation = self.generation();
        let now = self.clock.now();
        if let Some(refused) = self.cache.refused(&slot)
            && refused.rules == generation.rules
            && is_ahead(refused.until, self.config.refused_for, now)
        {
            return Err(refused.error);
        }
        match self.verify_anew(token, resource).await {
            Ok(Verified { principal, until }) => {
                let ends = until.unwrap_or_else(|| principal.expires_at.plus(self.leeway(&principal)));
                let until = ends.min(now.plus(self.config.accepted_for));
                self.cache.accept(&slot, Accepted { principal: Arc::clone(&principal), until, generation });
                Ok(principal)
            }
            Err(error) => {
                if !error.may_pass() && error != TokenError::Revoked {
                    let until = now.plus(self.config.refused_for);
                    self.cache.refuse(&slot, Refused { error, until, rules: generation.rules });
                }
                Err(error)
            }
        }
    }

    /// What [`Self::verify`] would say without waiting, if it was said before: one hash and one comparison.
    pub fn try_cached(&self, token: &str, resource: &ProtectedResource) -> Option<Arc<Principal>> {
        self.recall(&self.cache.slot(token, resource.resource().as_str()))
    }

    /// Whether [`VerifierConfig::accounts`] are asked for.
    pub fn finds_accounts(&self) -> bool {
        self.config.issuers.iter().any(|issuer| issuer.accounts_by_email)
    }

    /// Forgets every outcome: for changes that the verifier cannot see itself, as of local keys.
    pub fn invalidate(&self) {
        self.invalidations.fetch_add(1, Ordering::Release);
    }

    fn recall(&self, slot: &Slot<'_>) -> Option<Arc<Principal>> {
        let accepted = self.cache.accepted(slot)?;
        let generation = self.generation();
        let holds = is_ahead(accepted.until, self.config.accepted_for, self.clock.now());
        if accepted.generation.rules != generation.rules || !holds {
            return None;
        }
        if accepted.generation.revocations != generation.revocations {
            if self.config.revocations.contains(&accepted.principal) {
                return None;
            }
            self.cache.accept(slot, Accepted { generation, ..accepted.clone() });
        }
        Some(accepted.principal)
    }

    async fn verify_anew(&self, token: &str, resource: &ProtectedResource) -> Result<Verified, TokenError> {
        let now = self.clock.now();
        let (principal, until) = if let Some(token) = static_token::form_of(token) {
            (self.config.static_tokens.verify(&token, resource, &self.config.hierarchy, now)?, None)
        } else if let Some(asked) = opaque::asked_about_signed(&self.config, token, resource) {
            opaque::verify(&self.config, asked, token, resource, &self.clock).await?
        } else {
            match jwt::verify(&self.config, token, resource, now).await {
                Ok(principal) => (principal, None),
                Err(TokenError::Malformed) => {
                    let asked = opaque::asked_about(&self.config, token, resource).ok_or(TokenError::Malformed)?;
                    opaque::verify(&self.config, asked, token, resource, &self.clock).await?
                }
                Err(error) => return Err(error),
            }
        };
        if self.config.revocations.contains(&principal) {
            return Err(TokenError::Revoked);
        }
        Ok(Verified { principal: Arc::new(principal), until })
    }

    fn leeway(&self, principal: &Principal) -> Duration {
        match principal.kind {
            TokenKind::Jwt => self.config.leeway,
            TokenKind::Opaque | TokenKind::Static => Duration::ZERO,
        }
    }

    /// Each part only grows, so the sum tells whether any of them changed.
    fn generation(&self) -> Generation {
        let keys: u64 = self.config.issuers.iter().map(|issuer| issuer.keys.version()).sum();
        Generation {
            rules: self.invalidations.load(Ordering::Acquire)
                + self.config.static_tokens.version()
                + self.config.accounts.version()
                + keys,
            revocations: self.config.revocations.version(),
        }
    }
}

/// A good token, and until when that holds if it is less than the token's life.
struct Verified {
    principal: Arc<Principal>,
    until: Option<Timestamp>,
}

/// Whether `end` is still to come, and by no more than `most`: further off, the clock was set back since it was set.
fn is_ahead(end: Timestamp, most: Duration, now: Timestamp) -> bool {
    now < end && end.since(now) <= most
}

#[cfg(test)]
mod tests;
