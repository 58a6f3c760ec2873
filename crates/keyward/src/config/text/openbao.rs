//! Paths of OpenBao: mounts, folders, namespaces.

use super::TextValue;

/// `secret`, or `team/secret`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenBaoPath(pub(crate) String);

impl TextValue for OpenBaoPath {
    const FORMAT: &'static str = "keyward-openbao-path";
    const NOUN: &'static str = "a path in OpenBao";
    const EXAMPLE: &'static str = "secret";

    fn parse(text: &str) -> Result<Self, String> {
        let part = |part: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            !matches!(part, "" | "." | "..") && part.bytes().all(plain)
        };
        if text.len() <= 255 && text.split('/').all(part) {
            Ok(Self(text.to_owned()))
        } else {
            Err("is NAME or NAME/NAME, names of letters, digits, '-', '_' and '.', no slash at either end".to_owned())
        }
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_parts() {
        for good in ["secret", "team-a/kv.v2", "a/b_c/d"] {
            assert_eq!(OpenBaoPath::parse(good).expect(good).to_text(), good);
        }
        for bad in ["", "/", "/a", "a/", "a//b", "a/../b", ".", "a b", "a\nb", "é", &"a".repeat(256)] {
            OpenBaoPath::parse(bad).expect_err(bad);
        }
    }
}
