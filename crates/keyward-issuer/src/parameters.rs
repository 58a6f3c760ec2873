//! Parameters of a request, from its query or its form body (RFC 6749 §3.1, §3.2, appendix B).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use url::form_urlencoded;

/// More spellings of one resource than any client sends. Each is compared with all others, and then parsed.
const MAX_RESOURCES: usize = 16;

/// The parameters of one request. Those without a value count as left out, as RFC 6749 §3.1 demands.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    values: BTreeMap<String, String>,
    resources: Vec<String>,
    duplicates: BTreeSet<String>,
}

/// A parameter that may come once came twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the parameter \"{0}\" is there more than once")]
pub(crate) struct Duplicate(pub(crate) String);

impl Parameters {
    /// Reads `application/x-www-form-urlencoded` text.
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(encoded).filter(|(_, value)| !value.is_empty()) {
            parameters.add(name.into_owned(), value.into_owned());
        }
        parameters
    }

    fn add(&mut self, name: String, value: String) {
        // RFC 8707 §2 lets `resource` come several times.
        if name == "resource" {
            // One too many is kept, so that it is one too many also where this is read again.
            if self.resources.len() <= MAX_RESOURCES && !self.resources.contains(&value) {
                self.resources.push(value);
            }
            if self.resources.len() > MAX_RESOURCES {
                self.duplicates.insert(name);
            }
            return;
        }
        match self.values.entry(name) {
            Entry::Vacant(vacant) => drop(vacant.insert(value)),
            Entry::Occupied(occupied) => drop(self.duplicates.insert(occupied.key().clone())),
        }
    }

    /// A parameter's value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Every `resource` that was named (RFC 8707 §2).
    pub(crate) fn resources(&self) -> &[String] {
        &self.resources
    }

    /// Refuses parameters that came twice (RFC 6749 §3.1).
    pub(crate) fn once_each(&self) -> Result<(), Duplicate> {
        match self.duplicates.first() {
            Some(name) => Err(Duplicate(name.clone())),
            None => Ok(()),
        }
    }

    /// The parameters in their encoded form again.
    pub(crate) fn encoded(&self) -> String {
        let mut encoder = form_urlencoded::Serializer::new(String::new());
        encoder.extend_pairs(&self.values);
        encoder.extend_pairs(self.resources.iter().map(|resource| ("resource", resource)));
        // One that came twice must be seen to have come twice.
        encoder.extend_pairs(self.duplicates.iter().map(|name| (name, self.get(name).unwrap_or_default())));
        encoder.finish()
    }

    /// Whether `name` came twice.
    pub(crate) fn has_duplicate(&self, name: &str) -> bool {
        self.duplicates.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn empty_values_are_left_out_and_duplicates_are_seen() {
        let parameters = Parameters::parse(b"a=1&b=&b=2&c=x+y%26&c=z&c=z");
        assert_eq!(
            (parameters.get("a"), parameters.get("b"), parameters.get("c")),
            (Some("1"), Some("2"), Some("x y&"))
        );
        assert_eq!(parameters.once_each(), Err(Duplicate("c".to_owned())));
        assert!(parameters.has_duplicate("c") && !parameters.has_duplicate("a"));
    }

    #[test]
    fn resource_may_come_several_times() {
        let parameters = Parameters::parse(b"resource=https://a&resource=https://b&resource=https://a");
        assert_eq!(parameters.resources(), ["https://a", "https://b"]);
        assert_eq!(parameters.once_each(), Ok(()));
        let flood: Vec<_> = (0..20_000).map(|number| format!("resource={number}")).collect();
        let flood = Parameters::parse(flood.join("&").as_bytes());
        assert_eq!(flood.resources().len(), MAX_RESOURCES + 1);
        assert_eq!(flood.once_each(), Err(Duplicate("resource".to_owned())));
    }

    fn encoded(pairs: &[(String, String)]) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_and_what_is_written_is_read_again(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let parameters = Parameters::parse(&bytes);
            let again = Parameters::parse(parameters.encoded().as_bytes());
            prop_assert_eq!(&again.values, &parameters.values);
            prop_assert_eq!(&again.resources, &parameters.resources);
            prop_assert_eq!(&again.duplicates, &parameters.duplicates);
            prop_assert!(parameters.values.values().chain(&parameters.resources).all(|value| !value.is_empty()));
        }

        #[test]
        fn too_many_resources_stay_too_many(count in 0..3 * MAX_RESOURCES) {
            let named: Vec<_> = (0..count).map(|number| format!("resource={number}")).collect();
            let parameters = Parameters::parse(named.join("&").as_bytes());
            prop_assert_eq!(parameters.once_each().is_err(), count > MAX_RESOURCES);
            let again = Parameters::parse(parameters.encoded().as_bytes());
            prop_assert_eq!(again.once_each(), parameters.once_each());
        }

        #[test]
        fn the_first_value_counts_and_every_second_one_is_seen(
            pairs in prop::collection::vec(("(a|b|c|state|resource)", "[ -~é]{0,3}"), 0..12),
        ) {
            let parameters = Parameters::parse(encoded(&pairs).as_bytes());
            for name in ["a", "b", "c", "state"] {
                let values: Vec<_> =
                    pairs.iter().filter(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str()).collect();
                prop_assert_eq!(parameters.get(name), values.first().copied());
                prop_assert_eq!(parameters.has_duplicate(name), values.len() > 1);
            }
            let named = |value: &String| pairs.iter().any(|(n, v)| n == "resource" && v == value);
            prop_assert!(parameters.resources().iter().all(named));
            prop_assert!(!parameters.has_duplicate("resource"));
        }
    }
}
