//! How many calls ended how, for whoever watches the process: counters that only grow, of each server its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyward_core::audit::AuditResult;
use keyward_core::id::ServerId;

/// The counters of one server.
#[derive(Debug, Default)]
pub(crate) struct CallCounters {
    results: [AtomicU64; AuditResult::ALL.len()],
    unrecorded: AtomicU64,
    microseconds: AtomicU64,
}

/// What the counters of a server stand at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallCounts {
    /// The server.
    pub server: ServerId,
    /// Recorded calls by how they ended.
    pub results: Vec<(AuditResult, u64)>,
    /// Requests that were refused before anybody was known to call, such as those without a token; the audit log has none
    /// of them.
    pub unrecorded: u64,
    /// What all recorded calls took together, streams to their end.
    pub took: Duration,
}

impl CallCounters {
    pub(crate) fn ended(&self, result: AuditResult, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(took, Ordering::Relaxed);
        // `ALL` is in the order of the words, as the words' numbers are.
        if let Some(count) = self.results.get(result as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn unrecorded(&self) {
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, server: &ServerId) -> CallCounts {
        let counts = self.results.iter().map(|count| count.load(Ordering::Relaxed));
        CallCounts {
            server: server.clone(),
            results: AuditResult::ALL.iter().copied().zip(counts).collect(),
            unrecorded: self.unrecorded.load(Ordering::Relaxed),
            took: Duration::from_micros(self.microseconds.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_result_has_a_counter_of_its_own() {
        let counters = CallCounters::default();
        for (times, result) in (1..).zip(AuditResult::ALL.iter().copied()) {
            for _ in 0..times {
                counters.ended(result, Duration::from_micros(5));
            }
        }
        counters.unrecorded();
        let counts = counters.read(&"coda".parse().expect("an id"));
        let expected: Vec<_> = AuditResult::ALL.iter().copied().zip(1..).collect();
        assert_eq!((counts.results, counts.unrecorded), (expected, 1));
        assert_eq!(counts.took, Duration::from_micros(50));
    }
}
