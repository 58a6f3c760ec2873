//! Times in words.

use keyward_core::clock::Timestamp;
use maud::{Markup, html};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long ago something was, with the exact time on hovering.
pub(crate) fn ago(then: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(then) title=(then) { (words(now.since(then).as_secs())) } }
}

/// The day of something, in UTC.
pub(crate) fn day(then: Timestamp) -> Markup {
    let text = then.to_string();
    html! { time datetime=(text) title=(text) { (text.split('T').next().unwrap_or_default()) } }
}

fn words(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..MINUTE => return "just now".to_owned(),
        MINUTE..HOUR => (seconds / MINUTE, "minute"),
        HOUR..DAY => (seconds / HOUR, "hour"),
        _ => (seconds / DAY, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_in_the_largest_unit() {
        let expected = [
            (0, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (2 * HOUR - 1, "1 hour ago"),
            (2 * HOUR, "2 hours ago"),
            (40 * DAY, "40 days ago"),
        ];
        for (seconds, text) in expected {
            assert_eq!(words(seconds), text);
        }
    }

    #[test]
    fn days_are_those_of_utc() {
        let markup = day(Timestamp::from_seconds(1_700_000_000)).into_string();
        assert!(markup.contains(">2023-11-14</time>"), "{markup}");
    }
}
