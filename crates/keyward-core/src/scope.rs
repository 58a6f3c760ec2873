//! Scopes (RFC 6749 §3.3): tokens, sets of them, and which scope includes which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One scope token: 1 to 255 characters of `%x21 / %x23-5B / %x5D-7E` (RFC 6749 §3.3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Arc<str>);

/// A text that is no scope token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a scope has 1 to 255 printable ASCII characters, none of them space, '\"' or '\\'")]
pub struct InvalidScope;

impl Scope {
    /// The scope as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        if (1..=255).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidScope)
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Scope {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A set of scopes, in order. Its text form is the space-separated `scope` parameter.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// The set with nothing in it.
    pub const fn empty() -> Self {
        Self(BTreeSet::new())
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many scopes are in it.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether `scope` is in it, to the letter.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether every scope of `needed` is in it.
    pub fn covers(&self, needed: &Self) -> bool {
        needed.0.is_subset(&self.0)
    }

    /// Adds a scope.
    pub fn insert(&mut self, scope: Scope) {
        self.0.insert(scope);
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// The scopes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl FromStr for ScopeSet {
    type Err = InvalidScope;

    /// Space-separated; an empty text is the empty set. Runs of spaces are taken as one, as clients send them.
    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        text.split(' ').filter(|part| !part.is_empty()).map(Scope::from_str).collect()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Which scope includes which others, transitively: a token with `coda:write` may do what needs `coda:read` when the
/// configuration says that the first includes the second.
#[derive(Clone, Debug, Default)]
pub struct ScopeHierarchy(BTreeMap<Scope, ScopeSet>);

impl ScopeHierarchy {
    /// From direct inclusions; the closure is computed here, cycles are harmless.
    pub fn new(direct: BTreeMap<Scope, ScopeSet>) -> Self {
        let closure = |start: &Scope| {
            let mut reached = ScopeSet::empty();
            let mut open = vec![start.clone()];
            while let Some(scope) = open.pop() {
                if !reached.contains(scope.as_str()) {
                    open.extend(direct.get(&scope).into_iter().flat_map(ScopeSet::iter).cloned());
                    reached.insert(scope);
                }
            }
            reached
        };
        Self(direct.keys().map(|scope| (scope.clone(), closure(scope))).collect())
    }

    /// `granted` and all that it includes.
    #[must_use]
    pub fn expand(&self, granted: &ScopeSet) -> ScopeSet {
        if self.0.is_empty() {
            return granted.clone();
        }
        granted.iter().filter_map(|scope| self.0.get(scope)).fold(granted.clone(), |all, more| all.union(more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> ScopeSet {
        text.parse().expect("scopes")
    }

    #[test]
    fn parses_and_prints_in_order() {
        assert_eq!(set("b  a b").to_string(), "a b");
        assert!(set("").is_empty());
        for bad in ["a\"b", "a\\b", "é", "a\tb"] {
            assert!(bad.parse::<ScopeSet>().is_err(), "{bad}");
        }
    }

    #[test]
    fn covers_is_about_every_scope() {
        assert!(set("a b").covers(&set("a")));
        assert!(!set("a").covers(&set("a b")));
        assert_eq!(set("a b c").difference(&set("b")), set("a c"));
    }

    #[test]
    fn hierarchies_are_transitive_and_bear_cycles() {
        let direct = [("admin", "write"), ("write", "read"), ("read", "read")];
        let direct = direct.into_iter().map(|(a, b)| (a.parse().expect("scope"), set(b))).collect();
        let hierarchy = ScopeHierarchy::new(direct);
        assert_eq!(hierarchy.expand(&set("admin")), set("admin read write"));
        assert_eq!(hierarchy.expand(&set("other")), set("other"));
    }
}
