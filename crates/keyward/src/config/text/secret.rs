//! Where a secret is: `env:NAME` or `file:PATH`, never the secret itself.

use super::TextValue;

/// A place that holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretPlace {
    /// An environment variable.
    Environment(String),
    /// A file; relative paths begin where the configuration file is.
    File(String),
}

impl TextValue for SecretPlace {
    const FORMAT: &'static str = "keyward-secret-place";
    const NOUN: &'static str = "a secret";
    const EXAMPLE: &'static str = "env:INFISICAL_CLIENT_SECRET";

    fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Environment(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            // The text is not repeated: it may be the secret.
            _ => Err("does not stand in this file: write env:NAME or file:PATH of what holds it".to_owned()),
        }
    }

    fn to_text(&self) -> String {
        match self {
            Self::Environment(name) => format!("env:{name}"),
            Self::File(path) => format!("file:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_are_taken() {
        for good in ["env:NAME", "file:secrets/infisical", "file:/run/secrets/x"] {
            assert_eq!(SecretPlace::parse(good).expect(good).to_text(), good);
        }
        for bad in ["", "env:", "file:", "st.s3cret", "ENV:NAME"] {
            let told = SecretPlace::parse(bad).expect_err(bad);
            assert!(!told.contains("s3cret"), "{told}");
        }
    }
}
