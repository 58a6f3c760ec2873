//! Which further scopes the tools of a server need.

use std::collections::HashMap;

use keyward_core::scope::ScopeSet;

/// The tool rules of one server. A tool needs the scopes of every rule whose pattern it matches.
#[derive(Clone, Debug, Default)]
pub(crate) struct ToolRules {
    exact: HashMap<Box<str>, ScopeSet>,
    globs: Vec<(Glob, ScopeSet)>,
}

impl ToolRules {
    /// From patterns; `*` stands for any text, also none.
    pub(crate) fn new(rules: impl IntoIterator<Item = (String, ScopeSet)>) -> Self {
        let mut built = Self::default();
        for (pattern, scopes) in rules {
            if pattern.contains('*') {
                built.globs.push((Glob::new(&pattern), scopes));
            } else {
                let all = built.exact.entry(pattern.into()).or_default();
                *all = all.union(&scopes);
            }
        }
        built
    }

    /// Whether there is no rule, so that no message need be read.
    pub(crate) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.globs.is_empty()
    }

    /// The scopes of each rule that `tool` falls under.
    pub(crate) fn needed_by(&self, tool: &str) -> impl Iterator<Item = &ScopeSet> {
        let globs = self.globs.iter().filter(move |(glob, _)| glob.matches(tool)).map(|(_, scopes)| scopes);
        self.exact.get(tool).into_iter().chain(globs)
    }
}

/// A pattern with at least one `*`. Names are compared byte for byte, as servers do.
#[derive(Clone, Debug)]
struct Glob {
    start: Box<str>,
    middle: Vec<Box<str>>,
    end: Box<str>,
}

impl Glob {
    fn new(pattern: &str) -> Self {
        let mut parts = pattern.split('*');
        let start = parts.next().unwrap_or_default().into();
        let end = parts.next_back().unwrap_or_default().into();
        Self { start, middle: parts.filter(|part| !part.is_empty()).map(Into::into).collect(), end }
    }

    fn matches(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(&*self.start) else { return false };
        let Some(mut rest) = rest.strip_suffix(&*self.end) else { return false };
        self.middle.iter().all(|part| match rest.find(&**part) {
            Some(at) => {
                rest = &rest[at + part.len()..];
                true
            }
            None => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scopes(text: &str) -> ScopeSet {
        text.parse().expect("scopes")
    }

    #[test]
    fn a_tool_needs_the_scopes_of_every_rule_it_matches() {
        let rules = [("delete_*", "w"), ("*_page", "p"), ("delete_page", "x"), ("*", "r")];
        let rules = ToolRules::new(rules.map(|(pattern, needed)| (pattern.to_owned(), scopes(needed))));
        let needed = |tool: &str| rules.needed_by(tool).fold(ScopeSet::empty(), |all, more| all.union(more));
        assert_eq!(needed("delete_page"), scopes("p r w x"));
        assert_eq!(needed("delete_"), scopes("r w"));
        assert_eq!(needed("Delete_page"), scopes("p r"));
        assert!(ToolRules::new([]).is_empty());
    }

    #[test]
    fn globs_do_not_let_their_ends_overlap() {
        for (pattern, name, expected) in [
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*ab*b", "ab", false),
            ("*ab*b", "abb", true),
            ("**", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("é*", "é", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    /// The plainest definition, to compare with.
    fn by_definition(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), None) => by_definition(rest, name),
            (Some((b'*', rest)), Some((_, tail))) => by_definition(rest, name) || by_definition(pattern, tail),
            (Some((p, rest)), Some((n, tail))) => p == n && by_definition(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn globs_match_as_by_definition(pattern in "[ab*]{0,5}\\*[ab*]{0,5}", name in "[ab]{0,10}") {
            prop_assert_eq!(Glob::new(&pattern).matches(&name), by_definition(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
