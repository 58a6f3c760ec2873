//! Opaque tokens: their issuer is asked about them (RFC 7662). Answers are kept briefly, and a token is asked about once,
//! however many calls bring it.

mod answer;
mod request;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use keyward_core::clock::{Clock, Timestamp};
use keyward_core::secret::TokenHash;
use keyward_outbound::Client;
use quick_cache::sync::Cache;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::config::{IntrospectionConfig, ProviderConfig};
use super::health::Health;
use super::kept_metadata::KeptMetadata;
use super::status::IntrospectionStatus;
use crate::error::TokenError;

/// Longest opaque token that is asked about; those seen in the field have a hundred bytes or so.
const MAX_TOKEN_BYTES: usize = 4096;
/// After failures with so many tokens in a row it is the issuer that fails. With fewer it may be the token, which anybody
/// can make up.
const FAILURES: usize = 3;
/// How long a token that the issuer called good is asked about before others are.
const KNOWN_FOR: Duration = Duration::from_secs(3600);

/// An issuer that is asked about opaque tokens; clones share what it said.
#[derive(Clone)]
pub struct Introspection(Arc<Inner>);

struct Inner {
    config: IntrospectionConfig,
    issuer: Arc<str>,
    /// How long a call waits.
    patience: Duration,
    metadata: Arc<KeptMetadata>,
    client: Client,
    clock: Clock,
    /// Good answers and bad ones, apart, so that junk cannot push out what is good.
    active: Cache<[u8; 32], Kept>,
    inactive: Cache<[u8; 32], Kept>,
    flights: Mutex<HashMap<[u8; 32], Flight>>,
    health: Health,
    from_memory: AtomicU64,
    /// Those that the issuer gave no answer about since its last one, at most [`FAILURES`].
    failed: Mutex<Vec<[u8; 32]>>,
    /// Nobody asks about tokens that are new until then; in microseconds since the epoch.
    paused_until: AtomicI64,
}

type Flight = watch::Receiver<Option<Result<Kept, TokenError>>>;

/// An answer.
#[derive(Clone)]
struct Kept {
    said: Result<Bytes, TokenError>,
    at: Timestamp,
    until: Timestamp,
}

/// What the issuer says of a token that is good.
pub(crate) struct Introspected {
    /// Its claims, as a JWT would have them.
    pub(crate) claims: Bytes,
    /// How long they may be believed.
    pub(crate) until: Timestamp,
}

impl Introspection {
    pub(super) fn new(
        config: IntrospectionConfig,
        provider: &ProviderConfig,
        metadata: Arc<KeptMetadata>,
        client: Client,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Inner {
            active: Cache::new(config.max_kept),
            inactive: Cache::new(config.max_kept),
            flights: Mutex::default(),
            failed: Mutex::default(),
            health: Health::new(&provider.issuer, "introspection"),
            from_memory: AtomicU64::new(0),
            paused_until: AtomicI64::new(i64::MIN),
            issuer: Arc::clone(&provider.issuer),
            patience: provider.patience,
            config,
            metadata,
            client,
            clock,
        }))
    }

    /// Whether the issuer may be asked about this token, which is no JWT, and how much of the token says that it is its own.
    pub(crate) fn fits(&self, token: &str) -> Option<usize> {
        let prefix = self.0.config.prefix.as_deref().unwrap_or_default();
        (token.len() <= MAX_TOKEN_BYTES && token.starts_with(prefix)).then_some(prefix.len())
    }

    /// Whether the issuer is to be asked about its signed tokens, too.
    pub(crate) fn is_for_signed_tokens(&self) -> bool {
        self.0.config.signed_tokens
    }

    /// What the issuer says of the token, now or a moment ago.
    pub(crate) async fn ask(&self, token: &str) -> Result<Introspected, TokenError> {
        let inner = &self.0;
        let name = *TokenHash::of(token.as_bytes()).as_bytes();
        let kept = match inner.recall(&name) {
            Some(kept) => kept,
            None => {
                let mut flight = inner.join(name, token)?;
                let landed = tokio::time::timeout(inner.patience, flight.wait_for(Option::is_some)).await;
                // Too late; or the task ended without a word, as its runtime goes down.
                let outcome = landed.ok().and_then(Result::ok).and_then(|outcome| outcome.clone());
                outcome.unwrap_or(Err(TokenError::IntrospectionUnavailable))?
            }
        };
        kept.said.map(|claims| Introspected { claims, until: kept.until })
    }

    pub(super) fn status(&self) -> IntrospectionStatus {
        let (answered, failed) = self.0.health.counts();
        let from_memory = self.0.from_memory.load(Ordering::Relaxed);
        IntrospectionStatus { answered, failed, from_memory, reason: self.0.health.last().reason }
    }
}

impl Inner {
    fn recall(&self, name: &[u8; 32]) -> Option<Kept> {
        let now = self.clock.now();
        // Not before it was said, either: the clock was set back.
        let holds = |kept: &Kept| kept.at <= now && now < kept.until;
        let kept = self.active.get(name).filter(holds).or_else(|| self.inactive.get(name).filter(holds))?;
        self.from_memory.fetch_add(1, Ordering::Relaxed);
        Some(kept)
    }

    /// The request under way about the token, or a new one: in a task of its own, since others may come to wait for it
    /// whose caller does not hang up.
    fn join(self: &Arc<Self>, name: [u8; 32], token: &str) -> Result<Flight, TokenError> {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(&name) {
            return Ok(flight.clone());
        }
        let paused = self.clock.now() < Timestamp::from_micros(self.paused_until.load(Ordering::Acquire));
        if (paused || flights.len() >= self.config.max_in_flight) && !self.was_good(&name) {
            return Err(TokenError::IntrospectionUnavailable);
        }
        let (teller, flight) = watch::channel(None);
        flights.insert(name, flight.clone());
        drop(flights);
        let landing = Landing { inner: Arc::clone(self), name };
        let token = Zeroizing::new(token.to_owned());
        tokio::spawn(async move {
            let outcome = landing.inner.ask_anew(&landing.name, &token).await;
            if let Ok(kept) = &outcome {
                landing.inner.keep(landing.name, kept.clone());
            }
            // Gone from the flights before anybody hears of it: who comes later finds what is kept, or asks again.
            drop(landing);
            let _ = teller.send(Some(outcome));
        });
        Ok(flight)
    }

    async fn ask_anew(&self, name: &[u8; 32], token: &str) -> Result<Kept, TokenError> {
        let asked = request::ask(&self.config, &self.client, &self.metadata, token).await;
        let now = self.clock.now();
        let read = asked.and_then(|answer| match answer {
            Some(json) => answer::read(&json, &self.issuer, now, self.active_for()),
            None => Ok(Err(TokenError::Inactive)),
        });
        match read {
            Ok(said) => {
                self.health.succeeded(now);
                self.failed().clear();
                let until = match &said {
                    Ok(answer) => answer.ends.min(now.plus(self.active_for())),
                    Err(_) => now.plus(self.config.inactive_for),
                };
                Ok(Kept { said: said.map(|answer| answer.claims), at: now, until })
            }
            Err(error) => {
                self.health.failed(&super::health::reason(&error), false);
                if error.is_the_issuers() && self.fails_again(name) {
                    self.paused_until.store(now.plus(self.config.pause).as_micros(), Ordering::Release);
                }
                Err(TokenError::IntrospectionUnavailable)
            }
        }
    }

    fn keep(&self, name: [u8; 32], kept: Kept) {
        if kept.said.is_ok() {
            self.active.insert(name, kept);
        } else {
            self.active.remove(&name);
            self.inactive.insert(name, kept);
        }
    }

    /// Whether the issuer called the token good lately: not a text that somebody made up to keep it busy.
    fn was_good(&self, name: &[u8; 32]) -> bool {
        let now = self.clock.now();
        self.active.get(name).is_some_and(|kept| kept.at <= now && now.since(kept.at) < KNOWN_FOR)
    }

    /// Whether that makes it several tokens in a row.
    fn fails_again(&self, name: &[u8; 32]) -> bool {
        let mut failed = self.failed();
        if failed.len() < FAILURES && !failed.contains(name) {
            failed.push(*name);
        }
        failed.len() >= FAILURES
    }

    fn failed(&self) -> MutexGuard<'_, Vec<[u8; 32]>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn active_for(&self) -> Duration {
        self.config.active_for.min(IntrospectionConfig::LONGEST)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<[u8; 32], Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a request off the list when it is over, also when its runtime goes down before it is done.
struct Landing {
    inner: Arc<Inner>,
    name: [u8; 32],
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.inner.flights().remove(&self.name);
    }
}

/// The claims in an answer that came at `now`.
pub(super) fn read(json: &[u8], issuer: &str, now: Timestamp) -> Option<Bytes> {
    Some(answer::read(json, issuer, now, IntrospectionConfig::LONGEST).ok()?.ok()?.claims)
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Introspection({})", self.0.issuer)
    }
}

#[cfg(test)]
mod tests;
