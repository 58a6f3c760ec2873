//! What Keyward keeps of a token in the secret's metadata: nothing secret, and what others put there stays.

use std::collections::BTreeMap;

use keyward_core::clock::Timestamp;

use crate::infisical::InfisicalError;
use crate::infisical::answer::Metadata;

/// Begins the keys of all entries that are Keyward's.
const PREFIX: &str = "keyward.";
const EXPIRES_AT: &str = "keyward.expires_at";
const SEALED_WITH: &str = "keyward.sealed_with";
const EARLIER: &str = "keyward.earlier";
const EARLIER_UNTIL: &str = "keyward.earlier_until";
const EARLIER_EXPIRES_AT: &str = "keyward.earlier_expires_at";
const LABEL: &str = "keyward.label.";

/// Infisical keeps 255 and 1,020 characters.
const MAX_LABEL: usize = 200;
const MAX_LABEL_VALUE: usize = 1_000;

/// What is known of a token beside its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) expires_at: Option<Timestamp>,
    /// The data key the value is sealed with.
    pub(super) sealed_with: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) earlier: Option<Earlier>,
}

/// The version before, and for how long it is usable. It stands with the current version, since Infisical gives earlier
/// ones without metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Earlier {
    pub(super) version: i64,
    pub(super) usable_until: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
}

impl Facts {
    /// Entries that somebody has made unreadable count as absent.
    pub(super) fn read(metadata: &[Metadata]) -> Self {
        let find = |key: &str| metadata.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
        let time = |key: &str| find(key).and_then(|text| text.parse().ok());
        let earlier = find(EARLIER).and_then(|text| text.parse().ok()).zip(time(EARLIER_UNTIL));
        let label =
            |entry: &Metadata| entry.key.strip_prefix(LABEL).map(|label| (label.to_owned(), entry.value.clone()));
        Self {
            expires_at: time(EXPIRES_AT),
            sealed_with: find(SEALED_WITH).map(str::to_owned),
            labels: metadata.iter().filter_map(label).collect(),
            earlier: earlier.map(|(version, usable_until)| Earlier {
                version,
                usable_until,
                expires_at: time(EARLIER_EXPIRES_AT),
            }),
        }
    }

    /// The entries to store, with those of `before` that are not Keyward's.
    pub(super) fn write(&self, before: &[Metadata]) -> Result<Vec<Metadata>, InfisicalError> {
        let mut entries: Vec<Metadata> =
            before.iter().filter(|entry| !entry.key.starts_with(PREFIX)).cloned().collect();
        let mut add = |key: String, value: String| entries.push(Metadata { key, value, is_encrypted: false });
        for (key, time) in [
            (EXPIRES_AT, self.expires_at),
            (EARLIER_UNTIL, self.earlier.as_ref().map(|earlier| earlier.usable_until)),
            (EARLIER_EXPIRES_AT, self.earlier.as_ref().and_then(|earlier| earlier.expires_at)),
        ] {
            if let Some(time) = time {
                add(key.to_owned(), time.to_string());
            }
        }
        if let Some(key_id) = &self.sealed_with {
            add(SEALED_WITH.to_owned(), key_id.clone());
        }
        if let Some(earlier) = &self.earlier {
            add(EARLIER.to_owned(), earlier.version.to_string());
        }
        for (label, value) in &self.labels {
            let fits = label.len() <= MAX_LABEL && value.len() <= MAX_LABEL_VALUE;
            if !fits || label.trim_end() != label || value.trim() != value {
                return Err(InfisicalError::Labels);
            }
            add(format!("{LABEL}{label}"), value.clone());
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, value: &str) -> Metadata {
        Metadata { key: key.to_owned(), value: value.to_owned(), is_encrypted: false }
    }

    #[test]
    fn come_back_as_they_were_stored() {
        let facts = Facts {
            expires_at: Some(Timestamp::from_seconds(1_800_000_000)),
            sealed_with: Some("dk_0123456789ab".to_owned()),
            labels: [("team".to_owned(), "data".to_owned()), ("empty".to_owned(), String::new())].into(),
            earlier: Some(Earlier {
                version: 3,
                usable_until: Timestamp::from_micros(1_700_000_000_123_456),
                expires_at: None,
            }),
        };
        let others = [entry("owner", "ops"), Metadata { is_encrypted: true, ..entry("note", "x") }];
        let before = [others.as_slice(), &[entry("keyward.label.old", "gone"), entry(EXPIRES_AT, "gone")]].concat();
        let written = facts.write(&before).expect("entries");
        assert_eq!(Facts::read(&written), facts);
        assert_eq!(written.get(..2), Some(others.as_slice()), "what others put there stays");
        assert_eq!(Facts::read(&Facts::default().write(&[]).expect("entries")), Facts::default());
    }

    #[test]
    fn what_somebody_made_unreadable_is_not_known() {
        let broken = [entry(EXPIRES_AT, "soon"), entry(EARLIER, "x"), entry(EARLIER_UNTIL, "2026-01-01T00:00:00Z")];
        assert_eq!(Facts::read(&broken), Facts::default());
        assert_eq!(Facts::read(&[entry(EARLIER, "2")]), Facts::default(), "without an end it is not usable");
    }

    #[test]
    fn labels_that_would_come_back_changed_are_refused() {
        let long = "x".repeat(MAX_LABEL_VALUE + 1);
        for (label, value) in [("a", " b"), ("a", "b\n"), ("a ", "b"), (long.as_str(), "b"), ("a", long.as_str())] {
            let facts = Facts { labels: [(label.to_owned(), value.to_owned())].into(), ..Facts::default() };
            assert!(matches!(facts.write(&[]), Err(InfisicalError::Labels)), "{label:.5}");
        }
    }
}
