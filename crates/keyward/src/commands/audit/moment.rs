//! A moment as an argument.

use std::str::FromStr;

use keyward_core::clock::{InvalidTimestamp, Timestamp};

/// An RFC 3339 date and time, or a date alone, which is its beginning in UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(pub(super) Timestamp);

impl FromStr for Moment {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let is_date = text.len() == "2026-01-31".len();
        if is_date { format!("{text}T00:00:00Z").parse().map(Self) } else { text.parse().map(Self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_begins_at_midnight_in_utc() {
        let read = |text: &str| text.parse::<Moment>().map(|moment| moment.0.to_string()).ok();
        assert_eq!(read("2026-01-31").as_deref(), Some("2026-01-31T00:00:00.000000Z"));
        assert_eq!(read("2026-01-31T10:00:00+02:00").as_deref(), Some("2026-01-31T08:00:00.000000Z"));
        for bad in ["", "yesterday", "2026-13-01", "2026-01-31T10:00"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
