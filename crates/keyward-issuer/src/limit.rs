//! How fast strangers may have something done that leaves a trace: a bucket for each address and one for all of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keyward_core::clock::Timestamp;

/// More addresses than this are not kept apart.
const MAX_ADDRESSES: usize = 10_000;

/// So many at once, and one more each time so much has passed.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    size: u32,
    refill_every: Duration,
}

/// What strangers did of late.
#[derive(Debug)]
pub(crate) struct StrangerLimit {
    per_address: Bucket,
    altogether: Bucket,
    levels: Mutex<Levels>,
}

#[derive(Debug, Default)]
struct Levels {
    all: Option<Level>,
    by_address: HashMap<IpAddr, Level>,
}

/// When the bucket would be full again if nothing more came.
#[derive(Clone, Copy, Debug)]
struct Level {
    full_at: Timestamp,
}

impl StrangerLimit {
    /// For registrations. Hosted clients share their addresses, so one address may do a good deal.
    pub(crate) fn of_registrations() -> Self {
        Self::new(
            Bucket { size: 60, refill_every: Duration::from_secs(10) },
            Bucket { size: 600, refill_every: Duration::from_secs(1) },
        )
    }

    /// For browsers that leave for an identity provider. A whole office may come from one address in the morning; what all
    /// may do together is so much more that a few hundred addresses do not keep the others out.
    pub(crate) fn of_departures() -> Self {
        Self::new(
            Bucket { size: 300, refill_every: Duration::from_secs(1) },
            Bucket { size: 100_000, refill_every: Duration::from_millis(2) },
        )
    }

    fn new(per_address: Bucket, altogether: Bucket) -> Self {
        Self { per_address, altogether, levels: Mutex::default() }
    }

    /// Takes one out of the buckets; `Err` says how long to wait.
    pub(crate) fn take(&self, address: Option<IpAddr>, now: Timestamp) -> Result<(), Duration> {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        if levels.by_address.len() >= MAX_ADDRESSES {
            levels.by_address.retain(|_, level| level.full_at > now);
        }
        let all = self.altogether.after_one(levels.all, now)?;
        if let Some(address) = address {
            let known = levels.by_address.get(&address).copied();
            let level = self.per_address.after_one(known, now)?;
            if known.is_some() || levels.by_address.len() < MAX_ADDRESSES {
                levels.by_address.insert(address, level);
            }
        }
        levels.all = Some(all);
        Ok(())
    }
}

impl Bucket {
    fn after_one(&self, level: Option<Level>, now: Timestamp) -> Result<Level, Duration> {
        let allowed = self.refill_every * self.size;
        // More than the bucket ever lacks means that the clock was set back.
        let level = level.filter(|level| level.full_at.since(now) <= allowed);
        let full_at = level.map_or(now, |level| level.full_at.max(now)).plus(self.refill_every);
        let missing = full_at.since(now);
        if missing > allowed { Err(missing - allowed) } else { Ok(Level { full_at }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_floods_waits_and_others_do_not() {
        let limit = StrangerLimit::of_registrations();
        let now = Timestamp::from_seconds(1_700_000_000);
        let flooding = Some(IpAddr::from([192, 0, 2, 1]));
        for _ in 0..60 {
            limit.take(flooding, now).expect("within the bucket");
        }
        assert_eq!(limit.take(flooding, now), Err(Duration::from_secs(10)));
        limit.take(Some(IpAddr::from([192, 0, 2, 2])), now).expect("another address");
        limit.take(flooding, now.plus(Duration::from_secs(10))).expect("refilled by one");
        assert!(limit.take(flooding, now.plus(Duration::from_secs(10))).is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let limit = StrangerLimit::of_registrations();
        let now = Timestamp::from_seconds(1_700_000_000);
        let address = Some(IpAddr::from([192, 0, 2, 1]));
        limit.take(address, now).expect("within the bucket");
        limit.take(address, now.minus(Duration::from_secs(86_400))).expect("a day earlier");
    }

    #[test]
    fn a_few_hundred_addresses_that_flood_keep_nobody_from_logging_in() {
        let limit = StrangerLimit::of_departures();
        let now = Timestamp::from_seconds(1_700_000_000);
        let flood = |now| {
            for address in 0..300_u32 {
                while limit.take(Some(IpAddr::from(address.to_be_bytes())), now).is_ok() {}
            }
        };
        for minute in 0..10 {
            let now = now.plus(Duration::from_secs(minute * 60));
            flood(now);
            limit.take(Some(IpAddr::from([192, 0, 2, 1])), now).expect("another address");
        }
    }

    #[test]
    fn all_together_are_bounded() {
        let limit = StrangerLimit::of_registrations();
        let now = Timestamp::from_seconds(1_700_000_000);
        for _ in 0..600 {
            limit.take(None, now).expect("within the bucket");
        }
        assert_eq!(limit.take(None, now), Err(Duration::from_secs(1)));
    }
}
