//! The process's environment as an argument, so that tests have one of their own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

use keyward_core::secret::Secret;

/// Where environment variables come from.
#[derive(Clone)]
pub enum Environment {
    /// The process's own.
    Process,
    /// Variables that a test sets.
    Fixed(Arc<BTreeMap<String, String>>),
}

impl Environment {
    /// An environment of these variables alone.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        Self::Fixed(Arc::new(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()))
    }

    /// A variable's value; `None` when it is not set, or set to nothing.
    pub fn get(&self, variable: &str) -> Option<Secret> {
        let value = match self {
            Self::Process => std::env::var_os(variable).map(OsString::into_vec),
            Self::Fixed(variables) => variables.get(variable).map(|value| value.clone().into_bytes()),
        };
        value.map(Secret::new).filter(|value| !value.is_empty())
    }

    /// The names of all variables that begin with `prefix` and are set to something.
    pub(crate) fn names_with_prefix(&self, prefix: &str) -> Vec<String> {
        let names: Vec<String> = match self {
            Self::Process => std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect(),
            Self::Fixed(variables) => variables.keys().cloned().collect(),
        };
        names.into_iter().filter(|name| name.starts_with(prefix) && self.get(name).is_some()).collect()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}
