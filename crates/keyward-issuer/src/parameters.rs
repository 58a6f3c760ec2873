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
            if self.resources.contains(&value) {
                return;
            }
            return match self.resources.len() {
                ..MAX_RESOURCES => self.resources.push(value),
                _ => drop(self.duplicates.insert(name)),
            };
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
        assert_eq!(flood.resources().len(), MAX_RESOURCES);
        assert_eq!(flood.once_each(), Err(Duplicate("resource".to_owned())));
    }
}
