//! The place of a claim.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// A claim by its name; or a member of one by a JSON Pointer (RFC 6901), which begins with a slash.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimPath {
    first: Box<str>,
    rest: Vec<Box<str>>,
}

/// A text that is no such place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a claim is its name, or a JSON Pointer such as /realm_access/roles")]
pub struct InvalidClaimPath;

impl ClaimPath {
    /// The claim by its name alone.
    pub fn named(name: &str) -> Self {
        Self { first: name.into(), rest: Vec::new() }
    }

    pub(crate) fn first(&self) -> &str {
        &self.first
    }

    /// What is there within the claim.
    pub(crate) fn within<'a>(&self, claim: &'a Value) -> Option<&'a Value> {
        self.rest.iter().try_fold(claim, |value, name| value.get(&**name))
    }
}

impl FromStr for ClaimPath {
    type Err = InvalidClaimPath;

    fn from_str(text: &str) -> Result<Self, InvalidClaimPath> {
        let Some(pointer) = text.strip_prefix('/') else {
            return if text.is_empty() { Err(InvalidClaimPath) } else { Ok(Self::named(text)) };
        };
        let mut segments = pointer.split('/').map(unescape);
        let first = segments.next().flatten().filter(|first| !first.is_empty()).ok_or(InvalidClaimPath)?;
        let rest = segments.collect::<Option<_>>().ok_or(InvalidClaimPath)?;
        Ok(Self { first, rest })
    }
}

/// `~1` is a slash, `~0` a tilde (RFC 6901 §4).
fn unescape(segment: &str) -> Option<Box<str>> {
    let mut parts = segment.split('~');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (escaped, rest) = part.split_at_checked(1)?;
        text.push(match escaped {
            "0" => '~',
            "1" => '/',
            _ => return None,
        });
        text.push_str(rest);
    }
    Some(text.into())
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rest.is_empty() && !self.first.starts_with('/') {
            return f.write_str(&self.first);
        }
        let mut segments = std::iter::once(&self.first).chain(&self.rest);
        segments.try_for_each(|segment| write!(f, "/{}", segment.replace('~', "~0").replace('/', "~1")))
    }
}

impl fmt::Debug for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_pointers() {
        let claims = json!({"a": {"b": {"c": 1}, "": 2}, "https://x/y": {"z": 3}});
        let at = |text: &str| {
            let path: ClaimPath = text.parse().expect(text);
            assert_eq!(path.to_string(), text);
            claims.get(path.first()).and_then(|claim| path.within(claim)).cloned()
        };
        assert_eq!(at("/a/b/c"), Some(json!(1)));
        assert_eq!(at("/a/"), Some(json!(2)));
        assert_eq!(at("https://x/y"), Some(json!({"z": 3})));
        assert_eq!(at("/https:~1~1x~1y/z"), Some(json!(3)));
        assert_eq!(at("/a/b/d"), None);
        for bad in ["", "/", "//a", "/a~", "/a~2", "/~é"] {
            assert_eq!(bad.parse::<ClaimPath>(), Err(InvalidClaimPath), "{bad}");
        }
    }
}
