//! The root key in an environment variable.

use super::{InvalidRootKey, RootKey};
use crate::environment::Environment;

/// Why an environment variable gave no root key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvKeyError {
    /// It is not set, or set to nothing.
    #[error("the environment variable {variable} is not set; it should hold the root key")]
    NotSet {
        /// Its name.
        variable: String,
    },
    /// It holds no root key.
    #[error("the environment variable {variable} holds no root key: {reason}")]
    Invalid {
        /// Its name.
        variable: String,
        /// What is wrong with it.
        reason: InvalidRootKey,
    },
}

/// Reads the root key from `variable`: the line that a key file holds.
pub fn load(environment: &Environment, variable: &str) -> Result<RootKey, EnvKeyError> {
    let text = environment.get(variable).ok_or_else(|| EnvKeyError::NotSet { variable: variable.to_owned() })?;
    RootKey::parse(&text, format!("the environment variable {variable}"))
        .map_err(|reason| EnvKeyError::Invalid { variable: variable.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_variable_is_wrong() {
        let error = |environment| load(&environment, "KEYWARD_ROOT_KEY").expect_err("no key").to_string();
        assert_eq!(
            error(Environment::of([("KEYWARD_ROOT_KEY", "")])),
            "the environment variable KEYWARD_ROOT_KEY is not set; it should hold the root key"
        );
        let told = error(Environment::of([("KEYWARD_ROOT_KEY", "hunter2")]));
        assert!(told.starts_with("the environment variable KEYWARD_ROOT_KEY holds no root key: it does not"), "{told}");
        assert!(!told.contains("hunter2"));
    }
}
