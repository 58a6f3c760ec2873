//! When to refresh, and when to try again.

use std::time::Duration;

use keyward_core::clock::Timestamp;

/// A token with this little left is refreshed, however long it lives.
const AHEAD: Duration = Duration::from_secs(60);
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// When a token that lives for `life` from `minted` on is refreshed: after four fifths of its life, or a minute before its
/// end if that is earlier, but never in its first half. `chance` moves it ahead by up to a twentieth of its life, so that
/// tokens which were minted together are not refreshed together.
pub(crate) fn refresh_after(minted: Timestamp, life: Duration, chance: u8) -> Timestamp {
    let early = (life * 4 / 5).min(life.saturating_sub(AHEAD)).max(life / 2);
    let jitter = (life / 20) * u32::from(chance) / u32::from(u8::MAX);
    minted.plus(early.saturating_sub(jitter))
}

/// How long to wait after so many failures in a row: twice as long each time, up to five minutes, less up to a quarter.
pub(crate) fn wait(failures: i64, chance: u8) -> Duration {
    let doublings = u32::try_from(failures.clamp(1, 20) - 1).unwrap_or(0);
    let whole = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    whole - (whole / 4) * u32::from(chance) / u32::from(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINTED: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn after(life: u64, chance: u8) -> f64 {
        refresh_after(MINTED, Duration::from_secs(life), chance).since(MINTED).as_secs_f64()
    }

    #[test]
    fn refreshes_ahead_of_the_end() {
        assert_eq!([after(3600, 0), after(3600, 255)], [2880.0, 2700.0]);
        assert_eq!(after(120, 0), 60.0, "a minute before the end");
        assert_eq!(after(20, 0), 10.0, "not in the first half");
        assert_eq!(after(0, 255), 0.0);
        assert!(after(10 * 366 * 86_400, 255) > 2e8);
    }

    #[test]
    fn waits_longer_each_time_up_to_a_limit() {
        let waits: Vec<u64> = (1..=11).map(|failures| wait(failures, 0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(wait(i64::MAX, 255).as_secs(), 225);
        assert_eq!(wait(i64::MIN, 0).as_secs(), 1);
    }
}
