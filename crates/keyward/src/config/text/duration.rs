//! Durations: `30s`, `10m`, `1h30m`, `30d`.

use std::time::Duration;

use super::TextValue;

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Period(pub(crate) Duration);

const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

impl Period {
    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub(crate) const fn minutes(minutes: u64) -> Self {
        Self::seconds(minutes * 60)
    }

    pub(crate) const fn days(days: u64) -> Self {
        Self::seconds(days * 86_400)
    }
}

impl TextValue for Period {
    const FORMAT: &'static str = "keyward-duration";
    const NOUN: &'static str = "a duration";
    const EXAMPLE: &'static str = "10m";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "is a whole number with a unit ms, s, m, h or d, such as 10m or 1h30m".to_owned();
        let mut rest = text;
        let mut total = Duration::ZERO;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, after) = rest.split_at(digits);
            let number: u64 = number.parse().map_err(|_| wrong())?;
            let letters = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
            let (unit, after) = after.split_at(letters);
            let part = match unit {
                "ms" => Some(Duration::from_millis(number)),
                _ => {
                    let seconds = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?.1;
                    number.checked_mul(seconds).map(Duration::from_secs)
                }
            };
            let century = Duration::from_secs(36_525 * 86_400);
            total = part
                .and_then(|part| total.checked_add(part))
                .filter(|total| *total <= century)
                .ok_or("is at most a hundred years")?;
            rest = after;
        }
        if text.is_empty() { Err(wrong()) } else { Ok(Self(total)) }
    }

    fn to_text(&self) -> String {
        if self.0.is_zero() {
            return "0s".to_owned();
        }
        let mut seconds = self.0.as_secs();
        let mut text = String::new();
        for (unit, length) in UNITS {
            if seconds / length > 0 {
                text.push_str(&format!("{}{unit}", seconds / length));
                seconds %= length;
            }
        }
        match self.0.subsec_millis() {
            0 => text,
            millis => format!("{text}{millis}ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for (text, seconds) in [("30s", 30), ("10m", 600), ("1h30m", 5_400), ("30d", 2_592_000), ("0s", 0)] {
            let period = Period::parse(text).expect(text);
            assert_eq!(period, Period::seconds(seconds));
            assert_eq!(period.to_text(), text);
        }
        assert_eq!(Period::parse("1s500ms").expect("mixed").to_text(), "1s500ms");
    }

    #[test]
    fn refuses_the_rest() {
        for bad in ["", "10", "m", "-1s", "1.5h", "10 m", "10M", "99999999999999999999d", "99999999999d", "é"] {
            assert!(Period::parse(bad).is_err(), "{bad}");
        }
    }
}
