//! A folder's path as Infisical writes it.

use super::TextValue;

/// `/`, or `/a/b` with names of letters, digits, dashes and underscores, which is what Infisical takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FolderPath(pub(crate) String);

impl TextValue for FolderPath {
    const FORMAT: &'static str = "keyward-folder-path";
    const NOUN: &'static str = "a folder";
    const EXAMPLE: &'static str = "/keyward";

    fn parse(text: &str) -> Result<Self, String> {
        let name = |name: &str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        match text.strip_prefix('/') {
            Some("") => Ok(Self("/".to_owned())),
            Some(names) if names.split('/').all(name) => Ok(Self(text.to_owned())),
            _ => Err("is / or /NAME/NAME, names of letters, digits, '-' and '_', no slash at the end".to_owned()),
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
    fn paths_of_folders() {
        for good in ["/", "/a", "/keyward/prod_1-x"] {
            assert_eq!(FolderPath::parse(good).expect(good).to_text(), good);
        }
        for bad in ["", "a", "/a/", "//", "/a//b", "/a b", "/é", "/../x"] {
            FolderPath::parse(bad).expect_err(bad);
        }
    }
}
