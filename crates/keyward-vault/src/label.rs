//! Labels: words of the operator's own on a token, shown in listings. Never secret.

use std::collections::BTreeMap;
use std::str::FromStr;

const MAX_KEY: usize = 63;
const MAX_VALUE: usize = 255;

/// One label: `team=search`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    key: String,
    value: String,
}

/// A text that is no label. It is not repeated: it may be a secret put in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabel {
    /// There is no `=`.
    #[error("a label is written KEY=VALUE, for example team=search")]
    NoValue,
    /// The part before the `=` does not follow its grammar.
    #[error("the key of a label has 1 to {MAX_KEY} characters a-z, 0-9, '.', '-' and '_', the first a letter or digit")]
    Key,
    /// The part after it does not.
    #[error("the value of a label has 1 to {MAX_VALUE} bytes, no control character, and no space at its ends")]
    Value,
}

impl Label {
    /// Its key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its value.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether it is among the labels of a token.
    pub fn is_in(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.get(&self.key) == Some(&self.value)
    }
}

impl FromStr for Label {
    type Err = InvalidLabel;

    fn from_str(text: &str) -> Result<Self, InvalidLabel> {
        let (key, value) = text.split_once('=').ok_or(InvalidLabel::NoValue)?;
        let starts = key.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
        if !starts || key.len() > MAX_KEY || !key.bytes().all(allowed) {
            return Err(InvalidLabel::Key);
        }
        let fits = (1..=MAX_VALUE).contains(&value.len()) && value.trim() == value;
        if !fits || value.chars().any(char::is_control) {
            return Err(InvalidLabel::Value);
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_their_grammar() {
        for good in ["team=search", "a.b-c_1=x=y", "env=Prod EU", "owner=Zoë", &format!("k={}", "v".repeat(255))] {
            let label: Label = good.parse().expect(good);
            assert_eq!(format!("{}={}", label.key(), label.value()), good);
        }
        use InvalidLabel::{Key, NoValue, Value};
        for (bad, why) in [
            ("", NoValue),
            ("team", NoValue),
            ("=x", Key),
            ("Team=x", Key),
            ("-t=x", Key),
            ("te am=x", Key),
            (&format!("{}=x", "k".repeat(64)), Key),
            ("team=", Value),
            ("team= x", Value),
            ("team=x\n", Value),
            ("team=a\0b", Value),
            ("team=a\u{1b}[2J", Value),
            (&format!("k={}", "v".repeat(256)), Value),
        ] {
            assert_eq!(bad.parse::<Label>(), Err(why), "{bad:?}");
        }
    }
}
