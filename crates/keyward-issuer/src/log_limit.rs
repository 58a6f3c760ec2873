//! Lines of the log that strangers can bring about: of each kind one a minute, so that whoever sends nonsense without end
//! does not fill the log, and nothing else is lost in it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keyward_core::clock::Timestamp;

const EVERY: Duration = Duration::from_secs(60);
/// More kinds than this are not kept apart.
const MAX_KINDS: usize = 100;

/// What was written of late.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<HashMap<String, Kind>>);

#[derive(Debug)]
struct Kind {
    written_at: Timestamp,
    left_out: u64,
}

impl Kind {
    /// A clock that was set back holds nothing up.
    fn is_of_late(&self, now: Timestamp) -> bool {
        self.written_at <= now && now.since(self.written_at) < EVERY
    }
}

impl LogLimit {
    /// Whether a line of this kind is to be written now: then how many were left out since the last one.
    pub(crate) fn admit(&self, kind: &str, now: Timestamp) -> Option<u64> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() >= MAX_KINDS && !kinds.contains_key(kind) {
            kinds.retain(|_, known| known.is_of_late(now));
        }
        let kind = if kinds.len() < MAX_KINDS || kinds.contains_key(kind) { kind } else { "" };
        match kinds.get_mut(kind) {
            Some(known) if known.is_of_late(now) => {
                known.left_out += 1;
                None
            }
            Some(known) => Some(std::mem::replace(known, Kind { written_at: now, left_out: 0 }).left_out),
            None => {
                kinds.insert(kind.to_owned(), Kind { written_at: now, left_out: 0 });
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn a_flood_is_one_line_a_minute_that_says_how_many_there_were() {
        let limit = LogLimit::default();
        assert_eq!(limit.admit("a", NOW), Some(0));
        for second in 0..59 {
            assert_eq!(limit.admit("a", NOW.plus(Duration::from_secs(second))), None);
        }
        assert_eq!(limit.admit("b", NOW), Some(0), "another kind");
        assert_eq!(limit.admit("a", NOW.plus(EVERY)), Some(59));
        assert_eq!(limit.admit("a", NOW.plus(EVERY * 2)), Some(0));
        assert_eq!(limit.admit("a", NOW), Some(0), "the clock was set back");
    }

    #[test]
    fn invented_kinds_share_one() {
        let limit = LogLimit::default();
        let written = (0..1000).filter(|kind: &u32| limit.admit(&kind.to_string(), NOW).is_some()).count();
        assert_eq!(written, MAX_KINDS + 1);
        assert_eq!(limit.0.lock().expect("kinds").len(), MAX_KINDS + 1);
        let later = NOW.plus(EVERY);
        assert_eq!(limit.admit("real", later), Some(0));
        assert_eq!(limit.admit("real", later), None, "it is a kind of its own");
        assert_eq!(limit.0.lock().expect("kinds").len(), 1, "what was written long ago is forgotten");
    }
}
