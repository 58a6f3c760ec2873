//! What slows guessing down: failures are counted by account and by address, and past a few each one makes the next
//! attempt wait, longer every time, up to a bound. Nobody is ever locked out for good, and counts melt away with time.
//!
//! An attempt is counted as a failure before the password is looked at, so that many at once gain nothing; a success
//! takes that back.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_core::clock::Timestamp;
use keyward_core::peer::ClientAddress;
use keyward_storage::StorageError;
use keyward_storage::Transaction;
use keyward_storage::login_failures::{self, LoginFailures};

use crate::account::email::EmailAddress;
use crate::state::Issuer;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How one kind of key is slowed down.
#[derive(Clone, Copy, Debug)]
struct Rule {
    /// So many failures cost no wait.
    free: i64,
    /// The longest wait; the first is a second, and each doubles the one before.
    longest: Duration,
    /// A failure is forgotten for each such stretch without one.
    forget_one_every: Duration,
}

const ACCOUNT: Rule =
    Rule { free: 5, longest: Duration::from_secs(5 * 60), forget_one_every: Duration::from_secs(10 * 60) };

/// Many people may share an address, so it bears more than an account does.
const ADDRESS: Rule = Rule { free: 30, longest: Duration::from_secs(15 * 60), forget_one_every: MINUTE };

/// An attempt came too soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooSoon {
    /// How long to wait.
    pub(crate) wait: Duration,
}

/// An attempt that may go on, counted as failed until [`Attempt::succeeded`].
#[must_use]
#[derive(Debug)]
pub(crate) struct Attempt {
    account: String,
    address: String,
}

/// Admits an attempt to log in as `email` from `address`, or says how long to wait.
pub(crate) async fn admit(
    issuer: &Issuer,
    email: &EmailAddress,
    address: Option<ClientAddress>,
) -> Result<Result<Attempt, TooSoon>, StorageError> {
    let attempt = Attempt { account: account_key(email), address: address_key(address) };
    let now = issuer.clock.now();
    let mut tx = issuer.db.begin("login.admit").await?;
    // Always in this order, so that two attempts cannot wait for each other.
    let keys = [(&attempt.account, ACCOUNT), (&attempt.address, ADDRESS)];
    let mut wait = Duration::ZERO;
    let mut counted = Vec::with_capacity(keys.len());
    for (key, rule) in keys {
        tx.lock(key).await?;
        let stored = login_failures::get(&mut tx, key).await?;
        wait = wait.max(rule.wait(stored.as_ref(), now));
        counted.push((key, rule.count(stored.as_ref(), now)));
    }
    if !wait.is_zero() {
        return Ok(Err(TooSoon { wait }));
    }
    for (key, failures) in counted {
        login_failures::put(&mut tx, key, &failures).await?;
    }
    login_failures::prune(&mut tx, now.minus(DAY)).await?;
    tx.commit().await?;
    Ok(Ok(attempt))
}

impl Attempt {
    /// Takes the count back: the account starts afresh, the address is as it was before this attempt.
    pub(crate) async fn succeeded(self, tx: &mut Transaction) -> Result<(), StorageError> {
        tx.lock(&self.account).await?;
        login_failures::clear(tx, &self.account).await?;
        tx.lock(&self.address).await?;
        if let Some(failures) = login_failures::get(tx, &self.address).await? {
            let before = LoginFailures { count: (failures.count - 1).max(0), locked_until: None, ..failures };
            login_failures::put(tx, &self.address, &before).await?;
        }
        Ok(())
    }
}

impl Rule {
    fn wait(&self, stored: Option<&LoginFailures>, now: Timestamp) -> Duration {
        let until = stored.and_then(|failures| failures.locked_until);
        let wait = until.map_or(Duration::ZERO, |until| until.since(now));
        // More than the rule ever gives means that the clock was set back.
        if wait > self.longest { Duration::ZERO } else { wait }
    }

    fn count(&self, stored: Option<&LoginFailures>, now: Timestamp) -> LoginFailures {
        let before = stored.map_or(0, |failures| {
            let forgotten = now.since(failures.last_at).as_secs() / self.forget_one_every.as_secs();
            failures.count.saturating_sub(i64::try_from(forgotten).unwrap_or(i64::MAX)).max(0)
        });
        let count = before.saturating_add(1);
        let locked_until = (count > self.free).then(|| now.plus(self.delay(count - self.free)));
        LoginFailures { count, last_at: now, locked_until }
    }

    fn delay(&self, beyond: i64) -> Duration {
        let doublings = u32::try_from(beyond - 1).unwrap_or(u32::MAX).min(20);
        Duration::from_secs(1 << doublings).min(self.longest)
    }
}

/// The address is hashed, since people now and then type a password where it belongs.
fn account_key(email: &EmailAddress) -> String {
    format!("account:{}", URL_SAFE_NO_PAD.encode(digest(&SHA256, email.as_str().as_bytes())))
}

fn address_key(address: Option<ClientAddress>) -> String {
    match address {
        Some(address) => format!("address:{}", address.network()),
        None => "address:unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(rule: Rule, times: i64, every: Duration) -> (LoginFailures, Timestamp) {
        let mut now = Timestamp::from_seconds(1_700_000_000);
        let mut failures = rule.count(None, now);
        for _ in 1..times {
            now = now.plus(every);
            failures = rule.count(Some(&failures), now);
        }
        (failures, now)
    }

    #[test]
    fn waits_double_up_to_a_bound() {
        let waits = |times| {
            let (failures, now) = failed(ACCOUNT, times, Duration::ZERO);
            ACCOUNT.wait(Some(&failures), now).as_secs()
        };
        assert_eq!([waits(1), waits(5), waits(6), waits(7), waits(10)], [0, 0, 1, 2, 16]);
        assert_eq!(waits(100), 300);
    }

    #[test]
    fn counts_melt_away() {
        let (failures, now) = failed(ACCOUNT, 50, Duration::ZERO);
        assert_eq!(ACCOUNT.count(Some(&failures), now.plus(ACCOUNT.forget_one_every * 60)).count, 1);
        let (slow, _) = failed(ACCOUNT, 50, ACCOUNT.forget_one_every);
        assert_eq!((slow.count, slow.locked_until), (1, None));
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out() {
        let (failures, now) = failed(ACCOUNT, 100, Duration::ZERO);
        assert_eq!(ACCOUNT.wait(Some(&failures), now.minus(DAY)), Duration::ZERO);
    }
}
